"""Reads through Multicall3, packed once and asked as often as one likes."""

import asyncio
from binascii import unhexlify
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from agent.adapters.json_rpc import PackedRequest
from agent.adapters.multicall import (
    aggregate3,
    aggregate3_results,
    differing,
    first_result,
    result_in,
    result_stride,
)
from agent.adapters.packing import FEWEST, Packing
from agent.adapters.read_batch import Values, values_of
from agent.domain.call import Call
from agent.domain.errors import ReadRefused
from agent.domain.units import Address, hex_from_bytes
from agent.ports import Block, CallFailed

AT_ONCE = 4
"""Requests on their way to one node: enough to hide its latency, few enough for its limits."""
Ask = Callable[[PackedRequest], Awaitable[str]]
"""Asks one `eth_call` at a block and returns its answer as 0x-hex; raises ReadRefused."""
MOST_DOUBTED = 8
"""Calls that are asked once more at a block."""
SILENT = CallFailed(b"")
"""Of a call that reverted without a word, as one without gas does; this very object."""
Value = bytes | CallFailed
_WORDS_OF_A_FAILURE = (32, 1, 32, 0, 64, 0)
_FAILED = "0x" + b"".join(word.to_bytes(32, "big") for word in _WORDS_OF_A_FAILURE).hex()
"""Multicall3's answer to one call that fails and says nothing."""


class OutOfGas(ReadRefused):
    """The calls of one request take more gas together than the node gives it."""


@dataclass(eq=False, slots=True)
class Chunk:
    """Some of the calls as one `eth_call`, and how it was answered last."""

    calls: Sequence[Call]
    request: PackedRequest
    text: str = ""
    """The last answer, as 0x-hex; empty before the first."""
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A chunk's answer and the values in it; the chunk has its last ones until all are in."""

    chunk: Chunk
    text: str
    values: list[Value]


Answer = tuple[Chunk, str]


class PackedReads:
    """Calls in as few requests as a node takes; what it refused is packed smaller from then on."""

    def __init__(
        self, multicall: Address, packing: Packing, calls: Sequence[Call], *, isolates: bool = False
    ) -> None:
        """Pack the calls; with `isolates` one that takes all gas has failed and the others have their values.

        Without it nothing is known while the node has too little gas for any of them.
        """
        self._multicall = multicall
        self._isolates = isolates
        self._packing = packing
        self._chunks = [self._packed(chunk) for chunk in packing.chunks(calls)]
        self.version = 0
        """Grows with each answer that may differ from the one before."""

    @property
    def values(self) -> tuple[Value, ...]:
        """Every call's value as answered last, in order."""
        return tuple(chain.from_iterable(chunk.values for chunk in self._chunks))

    async def ask(self, ask: Ask) -> None:
        """Ask everything once; not while it is being asked.

        Raises ValueError on an answer that cannot be read, and what `ask` raises: the values are then still
        those answered last.
        """
        answers: list[Answer] = []
        for start in range(0, len(self._chunks), AT_ONCE):
            asked = (self._asked(chunk, ask) for chunk in self._chunks[start : start + AT_ONCE])
            for found in await _all(asked):
                answers += found
        readings: list[Reading] = []
        for answer in answers:
            readings.append(_read(*answer))
            # Thousands of values take milliseconds: others get their turn in between.
            await asyncio.sleep(0)
        if self._isolates:
            readings = await self._without_starved(readings, ask)
        for reading in readings:
            chunk = reading.chunk
            self.version += reading.values is not chunk.values
            chunk.text, chunk.values = reading.text, reading.values
        self._chunks = [reading.chunk for reading in readings]

    async def _asked(self, chunk: Chunk, ask: Ask) -> list[Answer]:
        try:
            return [(chunk, await ask(chunk.request))]
        except ReadRefused as refusal:
            isolates = self._isolates and isinstance(refusal, OutOfGas)
            if isolates and len(chunk.calls) == 1:
                return [(chunk, _FAILED)]
            # A node that refuses so few for their size or number has another reason.
            if len(chunk.calls) <= (1 if isolates else FEWEST):
                raise
        return await self._asked_in_halves(chunk, ask)

    async def _asked_in_halves(self, chunk: Chunk, ask: Ask) -> list[Answer]:
        middle = len(chunk.calls) // 2
        first = await self._asked(self._packed(chunk.calls[:middle]), ask)
        second = await self._asked(self._packed(chunk.calls[middle:]), ask)
        # Where a half is refused too, or a call in it fails for nothing, a single call may be to blame, not
        # their number: it must not make all requests to the node small for good.
        answers = [*first, *second]
        if len(answers) == 2 and not any(SILENT in _read(*answer).values for answer in answers):
            self._packing.learn(len(chunk.calls) - middle)
        return answers

    async def _without_starved(self, readings: Sequence[Reading], ask: Ask) -> list[Reading]:
        """Ask what newly fails without a word once more, alone: one before it may have left it no gas.

        Whatever has a value then is a request of its own from now on.
        """
        left, found = MOST_DOUBTED, list[Reading]()
        for reading in readings:
            calls = reading.chunk.calls
            doubted = _newly_silent(reading)[:left] if len(calls) > 1 else []
            left -= len(doubted)
            alone = {place: await self._read_anew(calls[place : place + 1], ask) for place in doubted}
            starved = [place for place, (one,) in alone.items() if one.values[0] is not SILENT]
            if not starved:
                found.append(reading)
                continue
            for start, end in pairwise([-1, *starved, len(calls)]):
                found += alone.get(start, [])
                found += await self._read_anew(calls[start + 1 : end], ask)
        return found

    async def _read_anew(self, calls: Sequence[Call], ask: Ask) -> list[Reading]:
        return [_read(*answer) for answer in await self._asked(self._packed(calls), ask)] if calls else []

    def _packed(self, calls: Sequence[Call]) -> Chunk:
        message = {"to": str(self._multicall), "data": hex_from_bytes(aggregate3(calls))}
        return Chunk(calls, PackedRequest.of("eth_call", message))


class PinnedReads:
    """Reads of one node, asked at one block after the other."""

    def __init__(self, packed: PackedReads, ask_at: Callable[[PackedReads, Block], Awaitable[None]]) -> None:
        self._packed = packed
        self._ask_at = ask_at
        self._version = 0
        self._values: Values = ()

    async def at(self, block: Block) -> Values:
        """Return the values at that block, the very tuple of the time before where none is new."""
        await self._ask_at(self._packed, block)
        if self._packed.version != self._version:
            self._values, self._version = values_of(self._packed.values), self._packed.version
        return self._values


async def _all(asked: Iterable[Awaitable[list[Answer]]]) -> list[list[Answer]]:
    """Wait for all, also when one fails: none is left on its way."""
    found: list[list[Answer]] = []
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        found.append(outcome)
    return found


def _read(chunk: Chunk, text: str) -> Reading:
    """Return the values in a chunk's answer; what is as it was is not decoded again."""
    if text == chunk.text:
        return Reading(chunk, text, chunk.values)
    count = len(chunk.calls)
    stride = result_stride(text, count)
    if not stride or stride != result_stride(chunk.text, count):
        results = aggregate3_results(unhexlify(text[2:]), count)
        return Reading(chunk, text, [_value(*result) for result in results])
    first, values = first_result(count), chunk.values.copy()
    for place in differing(chunk.text, text, count, stride):
        at = first + place * stride
        values[place] = _value(*result_in(text[at : at + stride]))
    return Reading(chunk, text, values)


def _newly_silent(reading: Reading) -> list[int]:
    before = reading.chunk.values
    if reading.values is before:
        return []
    silent = [place for place, value in enumerate(reading.values) if value is SILENT]
    return [place for place in silent if not before or before[place] is not SILENT]


def _value(success: bool, data: bytes) -> Value:  # noqa: FBT001 - as Multicall3 answers
    if not success and not data:
        return SILENT
    # A target without code answers success and nothing: that is no value.
    return data if success and data else CallFailed(data)
