"""Passkeys in software: P-256 keys in PEM files, private block first, public block behind it."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, final

from agent.adapters.key_file import KeyFileError, read_private, write_private
from agent.adapters.signer_keystore import WrongPassword
from agent.adapters.signer_local import WrongKey
from agent.domain.p256 import P256Point, with_low_s
from agent.domain.units import Address, Hash32

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

# cryptography is imported where it is used: a command without passkeys saves some 60 milliseconds.
_PUBLIC = b"-----BEGIN PUBLIC KEY-----"


@final
class PasskeySigner:
    """Signs in this process; prints as its address and cannot be copied or pickled."""

    __slots__ = ("_key", "point")

    def __init__(self, key: "EllipticCurvePrivateKey") -> None:
        self._key = key
        self.point = _point(key.public_key())

    @property
    def address(self) -> Address:
        return self.point.address

    async def sign_hash(self, user_op_hash: Hash32) -> bytes:
        """Return r ‖ s over the digest as it is; s is low, the nonce is RFC 6979's."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        algorithm = ECDSA(Prehashed(SHA256()), deterministic_signing=True)
        return with_low_s(*decode_dss_signature(self._key.sign(user_op_hash, algorithm)))

    def __repr__(self) -> str:
        return f"PasskeySigner({self.address}, ****)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a passkey cannot be copied or pickled")


def create_passkey(path: Path, password: bytes | None) -> P256Point:
    """Make a new key and write it, encrypted when there is a password; raises KeyFileError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    key = generate_private_key(SECP256R1())
    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        locked = serialization.BestAvailableEncryption(password)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_private(path, key.private_bytes(pem, form, locked) + public)
    return _point(key.public_key())


def open_passkey(path: Path, password: bytes | None, expected: Address | None) -> PasskeySigner:
    """Open a key; raises KeyFileError, WrongPassword, and WrongKey when it is not the expected address's."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private, _, _ = read_private(path).partition(_PUBLIC)
    encrypted = b"ENCRYPTED" in private
    if encrypted is not (password is not None):
        message = (
            "is encrypted and no password is given" if encrypted else "is not encrypted, as its password says"
        )
        raise KeyFileError(f"{path} {message}")
    try:
        key = load_pem_private_key(private, password)
    except (ValueError, TypeError):
        # The cause is dropped: a library may quote the secret in it.
        if encrypted:
            raise WrongPassword(f"the password does not open {path}") from None
        raise KeyFileError(f"{path} holds no private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise KeyFileError(f"{path} holds no P-256 key")
    signer = PasskeySigner(key)
    if expected is not None and signer.address != expected:
        raise WrongKey(str(path), expected, signer.address)
    return signer


def passkey_point(path: Path) -> P256Point:
    """Return the point a key file names, without opening it; raises KeyFileError."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    _, marker, rest = read_private(path).partition(_PUBLIC)
    try:
        key = load_pem_public_key(marker + rest)
    except ValueError:
        raise KeyFileError(f"{path} names no public key") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise KeyFileError(f"{path} names no P-256 key")
    return _point(key)


def _point(key: "EllipticCurvePublicKey") -> P256Point:
    numbers = key.public_numbers()
    return P256Point(numbers.x, numbers.y)
