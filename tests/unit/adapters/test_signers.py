import json
import os
import stat
import sys
from pathlib import Path

import pytest

from agent.adapters.key_file import KeyFileError, read_descriptor, read_private, write_private
from agent.adapters.signer_keystore import WrongPassword, create_keystore, keystore_address, open_keystore
from agent.adapters.signer_local import WrongKey
from agent.adapters.signer_raw import create_raw_key, open_raw_key
from agent.domain.signatures import recover_signer
from agent.domain.units import Address, ChainId, Hash32

DEVNET = ChainId(31337)
PASSWORD = b"correct horse battery staple"
DIGEST = Hash32(b"\x07" * 32)
SECRET_HEX = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = Address.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")


def a_raw_key(path: Path, text: str = "0x" + SECRET_HEX) -> Path:
    write_private(path, text.encode())
    return path


async def test_keystore_signer_signs_as_its_address(tmp_path: Path) -> None:
    path = tmp_path / "billing.json"
    address = create_keystore(path, PASSWORD, light=True)

    signer = open_keystore(path, PASSWORD, address)

    assert recover_signer(DIGEST, await signer.sign_hash(DIGEST)) == address == keystore_address(path)


def test_keystore_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "billing.json"

    create_keystore(path, PASSWORD, light=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [path] == list(path.parent.iterdir())


def test_keystore_is_strong_unless_light_is_asked_for(tmp_path: Path) -> None:
    create_keystore(tmp_path / "strong.json", PASSWORD)
    create_keystore(tmp_path / "light.json", PASSWORD, light=True)

    works = [
        json.loads((tmp_path / name).read_text())["crypto"]["kdfparams"]["n"]
        for name in ("strong.json", "light.json")
    ]
    assert works == [2**18, 2**12]


def test_keystore_of_geth_opens(tmp_path: Path) -> None:
    # The scrypt example of the Web3 Secret Storage definition, with its published key.
    document = {
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
            "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32,
                "n": 262144,
                "p": 8,
                "r": 1,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            },
            "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    }
    path = tmp_path / "geth.json"
    write_private(path, json.dumps(document).encode())

    signer = open_keystore(path, b"testpassword", None)

    assert str(signer.address) == "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b"


def test_wrong_password_is_named_without_the_password(tmp_path: Path) -> None:
    path = tmp_path / "billing.json"
    address = create_keystore(path, PASSWORD, light=True)

    with pytest.raises(WrongPassword) as caught:
        open_keystore(path, b"another password", address)

    assert "another password" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_key_of_another_address_is_refused_with_both(tmp_path: Path) -> None:
    path = tmp_path / "billing.json"
    address = create_keystore(path, PASSWORD, light=True)

    with pytest.raises(WrongKey) as caught:
        open_keystore(path, PASSWORD, ADDRESS)

    assert (caught.value.expected, caught.value.actual) == (ADDRESS, address)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "not json",
        '{"version": 3}',
        '{"version": 3, "crypto": []}',
        '{"version": 3, "crypto": {"kdf": "scrypt"}}',
        '{"version": 9, "crypto": {}}',
        '{"crypto": {"kdfparams": {"n": 1073741824}}, "version": 3}',
        "[" * 5_000,
    ],
)
def test_broken_keystore_is_one_clean_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    write_private(path, content.encode())

    with pytest.raises(KeyFileError):
        open_keystore(path, PASSWORD, ADDRESS)


def test_opening_a_keystore_leaves_the_recursion_limit(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    path = tmp_path / "billing.json"

    open_keystore(path, PASSWORD, create_keystore(path, PASSWORD, light=True))

    assert sys.getrecursionlimit() == before


async def test_raw_key_signs_on_the_devnet(tmp_path: Path) -> None:
    address = create_raw_key(tmp_path / "raw.key", DEVNET)

    signer = open_raw_key(tmp_path / "raw.key", DEVNET, address)

    assert recover_signer(DIGEST, await signer.sign_hash(DIGEST)) == address


@pytest.mark.parametrize("chain_id", [1, 10, 8453, 1337])
def test_raw_key_is_refused_on_every_other_chain(tmp_path: Path, chain_id: int) -> None:
    path = a_raw_key(tmp_path / "raw.key")

    with pytest.raises(KeyFileError, match="31337"):
        open_raw_key(path, ChainId(chain_id), ADDRESS)
    with pytest.raises(KeyFileError, match="31337"):
        create_raw_key(tmp_path / "new.key", ChainId(chain_id))


def test_key_with_a_digit_missing_is_refused(tmp_path: Path) -> None:
    path = a_raw_key(tmp_path / "raw.key", "0x0" + SECRET_HEX[:-1])

    with pytest.raises(WrongKey):
        open_raw_key(path, DEVNET, ADDRESS)


@pytest.mark.parametrize(
    "text", [SECRET_HEX, "0x" + SECRET_HEX[:-2], "0x" + "00" * 32, "0x" + "zz" * 32, "0x" + "ff" * 32]
)
def test_malformed_raw_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = a_raw_key(tmp_path / "raw.key", text)

    with pytest.raises(KeyFileError) as caught:
        open_raw_key(path, DEVNET, ADDRESS)

    assert text not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = a_raw_key(tmp_path / "raw.key")
    path.chmod(mode)

    with pytest.raises(KeyFileError) as caught:
        open_raw_key(path, DEVNET, ADDRESS)

    assert caught.value.remedy == f"chmod 600 {path}"


def test_read_only_key_file_is_accepted(tmp_path: Path) -> None:
    path = a_raw_key(tmp_path / "raw.key")
    path.chmod(0o400)

    assert open_raw_key(path, DEVNET, ADDRESS).address == ADDRESS


def test_existing_key_is_never_replaced(tmp_path: Path) -> None:
    path = a_raw_key(tmp_path / "raw.key")
    before = path.read_bytes()

    with pytest.raises(KeyFileError, match="exists already"):
        create_raw_key(path, DEVNET)

    assert path.read_bytes() == before
    assert [path] == list(tmp_path.iterdir())


def test_fifo_directory_and_missing_file_are_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)

    for path in (fifo, tmp_path, tmp_path / "missing"):
        with pytest.raises(KeyFileError):
            read_private(path)


def test_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    write_private(path, bytes(70_000))

    with pytest.raises(KeyFileError, match="larger"):
        read_private(path)


def test_secret_is_read_from_a_descriptor() -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSWORD)
    os.close(writer)

    assert read_descriptor(reader) == PASSWORD


def test_closed_descriptor_is_refused() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.close(reader)

    with pytest.raises(KeyFileError):
        read_descriptor(reader)
