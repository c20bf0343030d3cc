"""A secp256k1 session key: it signs, and it never shows itself."""

from typing import NoReturn, final

from coincurve import PrivateKey, PublicKey

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32

_V = (b"\x1b", b"\x1c")


@final
class SessionKey:
    """One private key with its address; prints as `SessionKey(0x…, ****)` and cannot be copied or pickled."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        # coincurve pads short secrets: a cut-off key would quietly become another one.
        if len(secret) != 32:
            raise ValueError("a session key has 32 bytes")
        self._key = PrivateKey(secret)
        self.address = _address_of(self._key.public_key)

    def sign(self, digest: Hash32) -> bytes:
        """Return r, s, v (27 or 28) over the digest as it is; s is low, the nonce is RFC 6979's."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + _V[signature[64]]

    def __repr__(self) -> str:
        return f"SessionKey({self.address}, ****)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session key cannot be copied or pickled")


def _address_of(public_key: PublicKey) -> Address:
    return Address(keccak256(public_key.format(compressed=False)[1:])[12:])
