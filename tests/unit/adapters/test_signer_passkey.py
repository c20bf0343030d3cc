import copy
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.adapters.key_file import KeyFileError, write_private
from agent.adapters.key_files import LocalKeyFiles, open_signer
from agent.adapters.signer_keystore import WrongPassword
from agent.adapters.signer_local import WrongKey
from agent.adapters.signer_passkey import create_passkey, open_passkey, passkey_point
from agent.commands.keys import key_named, keys_in, new_passkey, new_raw_passkey, stanza
from agent.definitions.records import KeyDefinition
from agent.domain.p256 import verifies
from agent.domain.units import Address, ChainId, Hash32

DEVNET, MAINNET = ChainId(31337), ChainId(1)
PASSWORD = b"canary-correct-horse"
DIGEST = Hash32(b"\x07" * 32)
FILES = LocalKeyFiles()


def a_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("password", [PASSWORD, None], ids=["encrypted", "plain"])
async def test_passkey_signs_as_its_point(tmp_path: Path, password: bytes | None) -> None:
    path = tmp_path / "keys" / "phone.pem"
    point = create_passkey(path, password)

    signer = open_passkey(path, password, point.address)

    signature = await signer.sign_hash(DIGEST)
    assert verifies(point, DIGEST, signature)
    assert signature == await signer.sign_hash(DIGEST)
    assert passkey_point(path) == signer.point == point
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_wrong_password_is_named_without_the_password(tmp_path: Path) -> None:
    create_passkey(tmp_path / "phone.pem", PASSWORD)

    with pytest.raises(WrongPassword) as caught:
        open_passkey(tmp_path / "phone.pem", b"another password", None)

    assert "another password" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("made_with", "opened_with"), [(PASSWORD, None), (None, PASSWORD)])
def test_password_and_encryption_go_together(
    tmp_path: Path, made_with: bytes | None, opened_with: bytes | None
) -> None:
    create_passkey(tmp_path / "phone.pem", made_with)

    with pytest.raises(KeyFileError, match="encrypted"):
        open_passkey(tmp_path / "phone.pem", opened_with, None)


def test_key_of_another_address_is_refused(tmp_path: Path) -> None:
    create_passkey(tmp_path / "phone.pem", None)

    with pytest.raises(WrongKey):
        open_passkey(tmp_path / "phone.pem", None, Address(b"\x11" * 20))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not PEM",
        a_pem(ec.derive_private_key(5, ec.SECP256K1())),
        a_pem(ec.derive_private_key(5, ec.SECP384R1())),
    ],
    ids=["empty", "text", "secp256k1", "P-384"],
)
def test_a_file_without_a_p256_key_is_one_clean_error(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / "phone.pem", content)

    with pytest.raises(KeyFileError):
        open_passkey(tmp_path / "phone.pem", None, None)
    with pytest.raises(KeyFileError):
        passkey_point(tmp_path / "phone.pem")


async def test_key_made_elsewhere_opens(tmp_path: Path) -> None:
    write_private(tmp_path / "phone.pem", a_pem(ec.derive_private_key(5, ec.SECP256R1())))

    signer = open_passkey(tmp_path / "phone.pem", None, None)

    assert verifies(signer.point, DIGEST, await signer.sign_hash(DIGEST))


def test_file_open_to_others_is_refused(tmp_path: Path) -> None:
    create_passkey(tmp_path / "phone.pem", None)
    (tmp_path / "phone.pem").chmod(0o644)

    with pytest.raises(KeyFileError, match="0644"):
        open_passkey(tmp_path / "phone.pem", None, None)


def test_passkey_never_prints_itself_and_cannot_leave(tmp_path: Path) -> None:
    create_passkey(tmp_path / "phone.pem", None)
    signer = open_passkey(tmp_path / "phone.pem", None, None)

    assert repr(signer) == f"PasskeySigner({signer.address}, ****)"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(signer)


def test_a_passkey_without_a_password_opens_on_the_devnet_alone(tmp_path: Path) -> None:
    point = create_passkey(tmp_path / "phone.pem", None)
    key = KeyDefinition("phone", point.address, None, None, None, tmp_path / "phone.pem", point)

    assert open_signer(key, tmp_path, DEVNET).address == point.address
    with pytest.raises(KeyFileError, match="chain 31337 alone"):
        open_signer(key, tmp_path, MAINNET)
    with pytest.raises(KeyFileError, match="chain 31337 alone"):
        new_raw_passkey(FILES, tmp_path, "other", MAINNET)


def test_new_passkey_is_listed_and_its_stanza_has_its_point(tmp_path: Path) -> None:
    write_private(tmp_path / "password", PASSWORD)

    made = new_passkey(FILES, tmp_path / "keys", "phone", tmp_path / "password", None)

    (listed,) = keys_in(FILES, tmp_path / "keys")
    assert listed.address == made.address == key_named(FILES, tmp_path / "keys", "phone").address
    assert FILES.proven_address(made.path, PASSWORD) == made.address
    assert made.public_key is not None
    assert stanza(made, tmp_path, tmp_path / "password").splitlines() == [
        "keys:",
        "  phone:",
        f'    address: "{made.address}"',
        "    passkey: keys/phone.pem",
        f'    public_key: "0x{made.public_key.encoded.hex()}"',
        "    password: file:password",
    ]
