"""One swap of an exact amount, and where in its call data the numbers of a trade stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.units import Address
from jobs.uniswap.packing import WORD


@dataclass(frozen=True, slots=True)
class Trade:
    """What is swapped; amounts in base units."""

    amount: int
    """Of the sold token: all of it leaves, or less where `price_limit` ends the swap early."""
    minimum: int
    """Of the bought token: with less the swap reverts."""
    recipient: Address
    deadline: int
    """The last second in which it may be mined."""
    price_limit: int = 0
    """`sqrtPriceLimitX96`: the pool's price goes no further; 0 sets no limit."""


@dataclass(frozen=True, slots=True)
class SwapCall:
    """A router's call; offsets count bytes from behind the selector, and need not be multiples of 32.

    All other bytes up to `end` are the same in every trade of the same tokens and pools for the same
    recipient and up to the same price limit.
    """

    call: Call
    amount_at: int
    minimum_at: int
    deadline_at: int
    end: int

    @property
    def varying(self) -> tuple[int, ...]:
        """The words that differ between trades, in their order."""
        return tuple(sorted((self.amount_at, self.minimum_at, self.deadline_at)))

    def pinned(self) -> Iterator[tuple[int, int]]:
        """Yield windows of 32 bytes that cover all that never varies: offset and content.

        The last window of a stretch that is no multiple of 32 bytes overlaps the one before it.
        """
        start = 0
        for place in (*self.varying, self.end):
            yield from self._windows(start, place)
            start = place + WORD

    def _windows(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        if 0 < end - start < WORD:
            raise ValueError(f"no window fits between {start} and {end}")
        for at in range(start, end, WORD):
            offset = min(at, end - WORD)
            yield offset, int.from_bytes(self.call.data[4 + offset : 4 + offset + WORD], "big")
