"""Reads that are asked at block after block, and what of their answers is new."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress
from operator import is_not

from agent.domain.call import Call
from agent.domain.evaluation import Read
from agent.domain.units import Wei
from agent.ports import Answers, Block, CallFailed

Values = tuple[bytes | None, ...]


class RememberingBatch:
    """ReadBatch over whatever answers its reads at a block."""

    def __init__(self, reads: Sequence[Read], values_at: Callable[[Block], Awaitable[Values]]) -> None:
        """Take the distinct reads; `values_at` answers them in order and raises ChainUnavailable."""
        self._reads = tuple(reads)
        self._values_at = values_at
        self._last: Values | None = None
        self._turn = asyncio.Lock()

    @property
    def reads(self) -> tuple[Read, ...]:
        """The distinct reads, in the order given."""
        return self._reads

    async def at(self, block: Block) -> Answers:
        """Answer all at that block; one block at a time, for each is told apart from the one before."""
        async with self._turn:
            values = await self._values_at(block)
            changed = self._changed(values)
            self._last = values
            return Answers(block, values, changed)

    def _changed(self, values: Values) -> Sequence[int]:
        last = self._last
        if last is None:
            return range(len(values))
        if values is last:
            return ()
        # What was not decoded anew is the very object of the time before: few are left to compare.
        others = compress(range(len(values)), map(is_not, values, last))
        return [place for place in others if values[place] != last[place]]


def distinct(reads: Sequence[Read]) -> tuple[Read, ...]:
    """Return each read once, in order; of equal ones the first."""
    return tuple(dict.fromkeys(reads))


def calls_of(reads: Sequence[Read]) -> tuple[Call, ...]:
    """Return the reads as calls."""
    return tuple(Call(read.target, Wei(0), read.data) for read in reads)


def values_of(answers: Sequence[bytes | CallFailed]) -> Values:
    """Return the answers with None for those that failed."""
    return tuple([None if isinstance(answer, CallFailed) else answer for answer in answers])
