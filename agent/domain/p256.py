"""Points and signatures of NIST P-256 (secp256r1). Making one needs a key and lives in the signers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
SIGNATURE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class P256Point:
    """A public key."""

    x: int
    y: int

    @property
    def encoded(self) -> bytes:
        """The coordinates x ‖ y, 32 bytes each."""
        return self.x.to_bytes(32, "big") + self.y.to_bytes(32, "big")

    @property
    def address(self) -> Address:
        """A short name for the key, made as Ethereum makes an address of a secp256k1 key."""
        return Address(keccak256(self.encoded)[12:])

    @classmethod
    def parse(cls, encoded: bytes) -> "P256Point":
        """Read x ‖ y, a leading 0x04 (SEC 1) allowed; raise ValueError for bytes that are no point."""
        body = encoded[1:] if len(encoded) == 65 and encoded[0] == 4 else encoded
        if len(body) != 64:
            raise ValueError(f"a P-256 key has 64 bytes, here are {len(encoded)}")
        point = cls(int.from_bytes(body[:32], "big"), int.from_bytes(body[32:], "big"))
        point.require_on_curve()
        return point

    def require_on_curve(self) -> None:
        """Raise ValueError when no key can have this point."""
        try:
            _public_key(self)
        except ValueError:
            raise ValueError(f"({self.x:#x}, {self.y:#x}) is not a point of P-256") from None


def with_low_s(r: int, s: int) -> bytes:
    """Return r ‖ s with the smaller of the two values s that verify: validators refuse the other."""
    return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")


def verifies(point: P256Point, digest: Hash32, signature: bytes) -> bool:
    """Say whether r ‖ s is the key's signature of the 32-byte digest, with low s."""
    # Imported when first needed: it costs a command some 60 milliseconds.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    if len(signature) != SIGNATURE_LENGTH:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s <= ORDER // 2):
        return False
    try:
        _public_key(point).verify(encode_dss_signature(r, s), digest, ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def _public_key(point: P256Point) -> "EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers

    return EllipticCurvePublicNumbers(point.x, point.y, SECP256R1()).public_key()
