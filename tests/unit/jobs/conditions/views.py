"""Blocks as conditions see them, built by hand."""

from collections.abc import Mapping

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, ChainId, Timestamp
from jobs.fields import FieldContext

NOW = Timestamp(1_790_000_000)
CHAIN = ChainId(31337)
USDC = Token("USDC", Address(b"\1" * 20), 6)
WETH = Token("WETH", Address(b"\2" * 20), 18)
ETHER = Token("ether", None, 18)
FEED = Address(b"\xfe" * 20)
OTHER_FEED = Address(b"\xfd" * 20)
UPTIME = Address(b"\xfc" * 20)
POOL = Address(b"\x70" * 20)
ACCOUNT = Address(b"\xaa" * 20)
CONTEXT = FieldContext({"USDC": USDC, "WETH": WETH})


def a_view(
    values: Mapping[Read, bytes | None] | None = None, *, block: int = 100, at: int = NOW
) -> ChainView:
    """Return a block with these answers."""
    return ChainView(CHAIN, block, Timestamp(at), values or {})


def words(*values: int) -> bytes:
    """Return ABI words; negative numbers as int256."""
    return b"".join((value % 2**256).to_bytes(32, "big") for value in values)


def a_round(
    answer: int,
    *,
    updated_at: int = NOW,
    round_id: int = 7,
    answered_in: int | None = None,
    started_at: int = NOW,
) -> bytes:
    """Return an answer of `latestRoundData`."""
    return words(round_id, answer, started_at, updated_at, round_id if answered_in is None else answered_in)
