from pathlib import Path

import pytest

from agent.adapters.key_file import KeyFileError, write_private
from agent.adapters.key_files import LocalKeyFiles
from agent.commands.keys import KeyFile, key_named, keys_in, new_keystore, new_raw_key, stanza
from agent.domain.errors import ConfigError, NotFound
from agent.domain.units import Address, ChainId

FILES = LocalKeyFiles()
ADDRESS = Address.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    write_private(path, b"correct horse battery staple\n")
    return path


def test_new_keystore_is_found_again_by_its_name(tmp_path: Path, password_file: Path) -> None:
    folder = tmp_path / "keys"

    made = new_keystore(FILES, folder, "billing", password_file, None, light=True)

    assert key_named(FILES, folder, "billing") == made
    assert keys_in(FILES, folder) == (made,)


def test_line_break_at_the_end_of_the_password_file_does_not_count(
    tmp_path: Path, password_file: Path
) -> None:
    made = new_keystore(FILES, tmp_path / "keys", "billing", password_file, None, light=True)

    assert FILES.proven_address(made.path, b"correct horse battery staple") == made.address


@pytest.mark.parametrize("name", ["", "UPPER", "a/b", "../a", "a b", "x" * 65, "a\n", "ä"])
def test_name_that_would_be_unsafe_in_paths_or_logs_is_refused(
    tmp_path: Path, password_file: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="cannot be a name"):
        new_keystore(FILES, tmp_path / "keys", name, password_file, None, light=True)
    assert not (tmp_path / "keys").exists()


def test_password_is_needed(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="no password given"):
        new_keystore(FILES, tmp_path, "billing", None, None, light=True)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_empty_password_is_refused(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / "password", content)

    with pytest.raises(KeyFileError, match="empty"):
        new_keystore(FILES, tmp_path / "keys", "billing", tmp_path / "password", None, light=True)


def test_password_file_open_to_others_is_refused(tmp_path: Path, password_file: Path) -> None:
    password_file.chmod(0o644)

    with pytest.raises(KeyFileError, match="0644"):
        new_keystore(FILES, tmp_path / "keys", "billing", password_file, None, light=True)


def test_unknown_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        key_named(FILES, tmp_path, "missing")


def test_key_open_to_others_is_listed_with_its_problem(tmp_path: Path) -> None:
    key = new_raw_key(FILES, tmp_path, "dev", ChainId(31337))
    key.path.chmod(0o644)

    (listed,) = keys_in(FILES, tmp_path)

    assert listed.address is None
    assert "mode 0644" in listed.problem


def test_stanza_names_files_as_the_configuration_reads_them(tmp_path: Path) -> None:
    keystore = KeyFile("billing", tmp_path / "keys" / "billing.json", ADDRESS)
    raw = KeyFile("dev", Path("/elsewhere/dev.key"), ADDRESS)

    assert stanza(keystore, tmp_path, tmp_path / "password").splitlines() == [
        "keys:",
        "  billing:",
        f'    address: "{ADDRESS}"',
        "    keystore: keys/billing.json",
        "    password: file:password",
    ]
    assert stanza(raw, tmp_path, None).splitlines()[-1] == "    raw: /elsewhere/dev.key"
