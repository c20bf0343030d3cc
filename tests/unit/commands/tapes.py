"""Recorded blocks made by hand: a balance that goes up and down, block by block."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.commands.recording import Header, Point, changes_from
from agent.domain.call import Call
from agent.domain.evaluation import Read
from agent.domain.job import JobDefinition
from agent.domain.keccak import keccak256
from agent.domain.units import ChainId, Hash32, Timestamp, Wei
from agent.ports import Answers, Block, CallFailed
from jobs import KINDS, erc20

CHAIN_ID = ChainId(8453)
FIRST = 1_000
MINUTE_S = 60
GWEI = 10**9
Answer = int | bytes | None
"""One word, or all of it; None for a read that fails."""


def reads_of(*jobs: JobDefinition) -> tuple[Read, ...]:
    """Return the distinct reads of the jobs."""
    found: dict[Read, None] = {}
    for job in jobs:
        kind = KINDS[job.kind]
        for read in (*kind.watch_reads(job.spec, job.account), *kind.reads(job.spec, job.account)):
            found.setdefault(read)
    return tuple(found)


def tape(
    reads: Sequence[Read],
    answers: Sequence[Sequence[Answer]],
    start: int,
    *,
    base_fee_gwei: Sequence[int] = (1,),
    step_s: int = MINUTE_S,
) -> tuple[Header, list[Point]]:
    """Return a point for each row of answers, one for each read."""
    header = Header(CHAIN_ID, FIRST, FIRST + len(answers) - 1, 1, tuple(reads))
    return header, list(_points(answers, start, base_fee_gwei, step_s))


def _points(
    answers: Sequence[Sequence[Answer]], start: int, base_fee_gwei: Sequence[int], step_s: int
) -> Iterator[Point]:
    known: dict[int, bytes | None] = {}
    for number, row in enumerate(answers):
        values = [erc20.word(value) if isinstance(value, int) else value for value in row]
        changes = changes_from(known, values, first=number == 0)
        known.update(changes)
        fee_wei = Wei(base_fee_gwei[min(number, len(base_fee_gwei) - 1)] * GWEI)
        yield Point(FIRST + number, Timestamp(start + step_s * number), fee_wei, changes)


@dataclass
class FakeChain:
    """A chain reader whose answers follow from block number and read alone."""

    chain_id: ChainId = CHAIN_ID
    asked: list[int] = field(default_factory=list)
    interrupted_at: int | None = None
    newest: int = 1_000
    answers: dict[Read, int] = field(default_factory=dict)
    """To single reads; those that are not here fail."""

    async def block(self, tag: int | str) -> Block:
        number = self.newest if isinstance(tag, str) else tag
        if number == self.interrupted_at:
            # As Ctrl-C: asyncio.run turns it into a cancellation, and that into KeyboardInterrupt.
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
        self.asked.append(number)
        stamp = Timestamp(1_800_000_000 + 12 * number)
        return Block(number, Hash32(keccak256(b"%d" % number)), stamp, Wei(number * GWEI))

    async def calls(self, calls: Sequence[Call], _tag: int) -> tuple[bytes | CallFailed, ...]:
        known = {(read.target, read.data): erc20.word(value) for read, value in self.answers.items()}
        return tuple(known.get((call.target, call.data), CallFailed(b"")) for call in calls)

    def batch(self, reads: Sequence[Read]) -> "FakeBatch":
        return FakeBatch(tuple(reads))


@dataclass
class FakeBatch:
    """Answers that change every third block, and fail at some."""

    reads: tuple[Read, ...]

    async def at(self, block: Block) -> Answers:
        values = [self._value(block.number // 3, place) for place in range(len(self.reads))]
        return Answers(block, values, range(len(values)))

    def _value(self, number: int, place: int) -> bytes | None:
        dice = keccak256(b"%d %d" % (number, place))
        return None if dice[0] < 16 else dice
