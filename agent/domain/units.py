"""Units and identifiers: addresses, hashes, wei, gas, chain ids."""

from functools import lru_cache
from typing import NewType, Self

from agent.domain.keccak import keccak256

Wei = NewType("Wei", int)
Gas = NewType("Gas", int)
ChainId = NewType("ChainId", int)
Timestamp = NewType("Timestamp", int)
"""Seconds since 1970-01-01 UTC, as in a block header."""

UINT128_MAX = 2**128 - 1
UINT256_MAX = 2**256 - 1


class FixedBytes(bytes):
    """Bytes of one fixed length that read as 0x-hex."""

    LENGTH = 0

    def __new__(cls, value: bytes) -> Self:
        """Take the bytes as they are; raise ValueError on another length."""
        if len(value) != cls.LENGTH:
            raise ValueError(f"{cls.__name__} takes {cls.LENGTH} bytes, not {len(value)}")
        return bytes.__new__(cls, value)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read 0x-hex; raise ValueError on anything else."""
        return cls(bytes_from_hex(text))

    def __str__(self) -> str:
        return "0x" + self.hex()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class Address(FixedBytes):
    """Twenty bytes; prints in the mixed-case checksum form (ERC-55)."""

    LENGTH = 20

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address a person wrote: 0x, 40 digits, valid checksum. Raise ValueError otherwise."""
        address = cls.from_hex(text)
        if str(address) != text:
            raise ValueError(f"{text} has a wrong checksum: write {address}")
        return address

    def __str__(self) -> str:
        return _checksum(bytes(self))


class Hash32(FixedBytes):
    """Thirty-two bytes: a hash, a permission id, an action id, a salt."""

    LENGTH = 32


ZERO_ADDRESS = Address(bytes(20))


@lru_cache(maxsize=65_536)
def _checksum(address: bytes) -> str:
    digits = address.hex()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, digest, strict=False)
    )


def bytes_from_hex(text: str) -> bytes:
    """Read 0x-hex of any even length; raise ValueError on anything else."""
    if not text.startswith("0x"):
        raise ValueError(f"{text[:80]!r} does not start with 0x")
    data = bytes.fromhex(text[2:])
    # bytes.fromhex skips blanks; a value with blanks inside is a mistake here.
    if len(text) != 2 + 2 * len(data):
        raise ValueError(f"{text[:80]!r} has blanks in it")
    return data


def hex_from_bytes(data: bytes) -> str:
    """Write bytes as 0x-hex."""
    return "0x" + data.hex()
