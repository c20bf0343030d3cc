"""Call data packed by hand: words and dynamic arguments as the ABI lays them out."""

from collections.abc import Sequence

from agent.domain.keccak import keccak256
from agent.domain.units import Address
from jobs.erc20 import word

WORD = 32


def selector(signature: str) -> bytes:
    """Return the first four bytes of a function's hash."""
    return keccak256(signature.encode())[:4]


def words(*values: Address | int) -> bytes:
    """Return each value as one word."""
    return b"".join(map(word, values))


def blob(data: bytes) -> bytes:
    """Return `bytes`: its length, then the data padded to whole words."""
    return word(len(data)) + data + bytes(-len(data) % WORD)


def address_array(items: Sequence[Address]) -> bytes:
    """Return `address[]`: its length, then one word each."""
    return word(len(items)) + words(*items)


def v3_path(tokens: Sequence[Address], fees: Sequence[int]) -> bytes:
    """Return a v3 path: token, fee of the pool in three bytes, token, …; raise ValueError on a wrong count.

    Fees are in hundredths of a basis point.
    """
    if len(tokens) != len(fees) + 1:
        raise ValueError(f"{len(tokens)} tokens need {len(tokens) - 1} fees, not {len(fees)}")
    steps = zip(fees, tokens[1:], strict=True)
    return bytes(tokens[0]) + b"".join(fee.to_bytes(3, "big") + token for fee, token in steps)
