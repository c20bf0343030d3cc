import os
import stat
from pathlib import Path

import pytest

from tests.acceptance.command import inside, sessionkeeper

PASSWORD = "canary-correct-horse"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\n")
    return path


def test_new_key_prints_its_address_and_the_lines_for_the_configuration(
    tmp_path: Path, password_file: Path
) -> None:
    made = sessionkeeper(
        "keys", "new", "--name", "billing", "--password-file", password_file, "--light", folder=tmp_path
    )

    assert made.code == 0
    address = made.out.strip()
    assert f'    address: "{address}"' in made.err
    assert "    keystore: keys/billing.json" in made.err
    assert "    password: file:password" in made.err
    assert stat.S_IMODE((tmp_path / "keys" / "billing.json").stat().st_mode) == 0o600


def test_key_made_is_listed_and_its_address_proven(tmp_path: Path, password_file: Path) -> None:
    made = inside(
        "keys",
        "new",
        "--name",
        "billing",
        "--password-file",
        password_file,
        "--light",
        "--json",
        folder=tmp_path,
    ).json

    listed = inside("keys", "list", "--json", folder=tmp_path).json["keys"]
    proven = inside(
        "keys", "address", "billing", "--password-file", password_file, "--json", folder=tmp_path
    ).json

    assert [key["address"] for key in listed] == [made["address"]]
    assert (proven["address"], proven["proven"]) == (made["address"], True)


def test_passkey_made_is_listed_and_opens_with_its_password(tmp_path: Path, password_file: Path) -> None:
    made = inside(
        "keys", "new", "--passkey", "--name", "phone", "--password-file", password_file, folder=tmp_path
    )

    listed = inside("keys", "list", "--json", folder=tmp_path).json["keys"]
    proven = inside(
        "keys", "address", "phone", "--password-file", password_file, "--json", folder=tmp_path
    ).json
    address = made.out.strip()
    assert "    passkey: keys/phone.pem" in made.err
    assert "    public_key: " in made.err
    assert [key["address"] for key in listed] == [address]
    assert (proven["address"], proven["proven"]) == (address, True)
    assert stat.S_IMODE((tmp_path / "keys" / "phone.pem").stat().st_mode) == 0o600


def test_password_comes_through_a_descriptor(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSWORD.encode())
    os.close(writer)

    made = sessionkeeper(
        "keys",
        "new",
        "--name",
        "billing",
        "--password-fd",
        str(reader),
        "--light",
        folder=tmp_path,
        pass_fds=[reader],
    )
    os.close(reader)

    assert made.code == 0
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(PASSWORD)
    proven = inside("keys", "address", "billing", "--password-file", "password", folder=tmp_path)
    assert proven.out == made.out


def test_password_in_the_environment_or_on_the_command_line_is_not_taken(tmp_path: Path) -> None:
    environment = {"PASSWORD": PASSWORD, "SESSIONKEEPER_PASSWORD": PASSWORD}

    answer = sessionkeeper("keys", "new", "--name", "billing", folder=tmp_path, environment=environment)

    assert answer.code == 3
    assert "--password-file" in answer.err
    assert "--password " not in inside("keys", "new", "--help").out


def test_wrong_password_is_exit_code_3_and_shows_no_password(tmp_path: Path, password_file: Path) -> None:
    inside("keys", "new", "--name", "k", "--password-file", password_file, "--light", folder=tmp_path)
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("another-canary-password")

    answer = inside("--debug", "keys", "address", "k", "--password-file", wrong, folder=tmp_path)

    assert answer.code == 3
    assert "key_password" in answer.err
    assert "another-canary-password" not in answer.out + answer.err


def test_existing_key_is_kept(tmp_path: Path, password_file: Path) -> None:
    arguments = ["keys", "new", "--name", "k", "--password-file", str(password_file), "--light"]
    inside(*arguments, folder=tmp_path)
    before = (tmp_path / "keys" / "k.json").read_bytes()

    answer = inside(*arguments, folder=tmp_path)

    assert answer.code == 3
    assert "exists already" in answer.err
    assert (tmp_path / "keys" / "k.json").read_bytes() == before


def test_raw_key_is_for_the_devnet_alone(tmp_path: Path) -> None:
    assert inside("keys", "new", "--name", "dev", "--raw", "--chain-id", "8453", folder=tmp_path).code == 3
    assert inside("keys", "new", "--name", "dev", "--raw", folder=tmp_path).code == 3

    made = inside("keys", "new", "--name", "dev", "--raw", "--chain-id", "31337", folder=tmp_path)

    assert made.code == 0
    assert "    raw: keys/dev.key" in made.err
    secret = (tmp_path / "keys" / "dev.key").read_text().strip()
    assert secret not in made.out + made.err


def test_key_open_to_others_is_named(tmp_path: Path) -> None:
    inside("keys", "new", "--name", "dev", "--raw", "--chain-id", "31337", folder=tmp_path)
    (tmp_path / "keys" / "dev.key").chmod(0o644)

    answer = inside("keys", "address", "dev", folder=tmp_path)

    assert answer.code == 3
    assert "chmod 600" in answer.err


def test_unknown_key_is_exit_code_5(tmp_path: Path) -> None:
    assert inside("keys", "address", "nobody", folder=tmp_path).code == 5
