"""Event logs that fire jobs: few questions a block whatever the number of jobs, and each log once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from agent.domain.errors import ChainUnavailable
from agent.domain.firing import Firing
from agent.domain.units import Address, Hash32, Timestamp
from agent.domain.watching import LogFilter
from agent.pipeline.receipt import BLOCKS_PER_QUERY, Receipts
from agent.ports import Block, ChainReader, Log
from agent.worker.watched_job import WatchedJob

log = structlog.get_logger()
MOST_STEPS = 10
"""Block ranges walked in one look; after a long absence the next looks go on."""
SAVE_EVERY = 100
"""Blocks without a firing after which it is kept how far a job has heard for good."""
MOST_VALUES = 1_000
"""As many values as nodes take for one topic; beyond that any is asked for."""
EVENT_LOG = "event_log"
_ANY = -1
Topics = tuple[tuple[Hash32, ...] | None, ...]
Key = tuple[Address, int, bytes]
"""Address, position, topic; of a filter without topics the position is -1."""
FireLogs = Callable[[Sequence[Firing]], Awaitable[set[str]]]
BreakJob = Callable[[WatchedJob], None]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A log that fires a job."""

    job: WatchedJob
    log: Log

    @property
    def key(self) -> tuple[str, Hash32, int]:
        """What tells it from all others."""
        return self.job.id, self.log.block_hash, self.log.log_index


@dataclass(frozen=True, slots=True)
class _Walk:
    """The way up to a block, or over what is final by then: once more, for what a node left out."""

    block: Block
    final: int | None = None

    def start(self, job: WatchedJob) -> int:
        """Return the newest block that the job has heard on this way."""
        return job.heard if self.final is None else job.log_block or 0

    def end(self, job: WatchedJob) -> int:
        """Return the newest block that it may hear now."""
        newest = self.block.number - max(one.confirmations for one in job.filters)
        return newest if self.final is None else min(self.final, job.heard)

    def go(self, job: WatchedJob, number: int) -> None:
        """Note that it has heard everything up to a block."""
        reached = max(self.start(job), min(number, self.end(job)))
        if self.final is None:
            job.heard = reached
        else:
            job.log_block = reached


class LogWatch:
    """Walks the logs of one chain for its jobs; how far each has heard stands in the job.

    Every block is walked twice, at once and when it is final: only then its logs are heard for good.
    """

    def __init__(self, reader: ChainReader, fire: FireLogs, break_job: BreakJob) -> None:
        """Take `fire`, which returns the jobs whose logs have to wait; `break_job` when a kind raises."""
        self._reader = reader
        self._fire = fire
        self._break = break_job
        self._jobs: list[WatchedJob] = []
        self._queries: dict[Address, Topics] = {}
        self._by_key: dict[Key, list[tuple[LogFilter, WatchedJob]]] = {}
        self._saved: dict[str, int] = {}
        self._made: dict[tuple[str, Hash32, int], int] = {}
        """Logs that fired, with the number of their block: job, block, index in it."""

    def restore(self, job: WatchedJob, head: Block, final: Block | None = None) -> bool:
        """Begin where a job has heard for good, a new one here; return whether the journal has to know of it.

        What came after is walked again: its logs may have changed, and each slot is made once.
        """
        if not job.filters or job in self._jobs:
            return False
        self._jobs.append(job)
        self._index(job)
        fresh = job.first_block is None
        if job.first_block is None or job.log_block is None:
            job.first_block = job.log_block = head.number
        self._saved[job.id] = job.log_block
        if final is not None:
            # An earlier release kept blocks that were not final.
            job.log_block = max(job.first_block, min(job.log_block, final.number))
        job.heard = job.log_block
        return fresh

    def roll_back(self, ancestor: int) -> None:
        """Hear the logs of all blocks above a number again."""
        for job in self._jobs:
            first = job.first_block or 0
            job.heard = max(first, min(job.heard, ancestor))
            job.log_block = max(first, min(job.log_block or 0, ancestor))

    async def look(self, block: Block) -> None:
        """Walk on towards a block and fire.

        Raises ChainUnavailable, StoreUnavailable: what was not walked is walked at the next look.
        """
        await self._walk(_Walk(block))

    async def settle(self, block: Block, final: int) -> list[WatchedJob]:
        """Walk once more up to a final block; return the jobs that the journal has to know more of."""
        await self._walk(_Walk(block, final))
        self._made = {key: number for key, number in self._made.items() if number > final}
        found = [job for job in self._jobs if (job.log_block or 0) - self._saved[job.id] >= SAVE_EVERY]
        self._saved |= {job.id: job.log_block or 0 for job in found}
        return found

    async def _walk(self, walk: _Walk) -> None:
        for _ in range(MOST_STEPS):
            if not await self._step(walk):
                break

    async def _step(self, walk: _Walk) -> bool:
        """Walk one range of blocks; return whether there was one."""
        pending = [job for job in self._jobs if _goes_on(job) and walk.start(job) < walk.end(job)]
        if not pending:
            return False
        first = min(map(walk.start, pending)) + 1
        last = min(first + BLOCKS_PER_QUERY - 1, max(map(walk.end, pending)))
        heard = [one async for one in self._hear(first, last, walk)]
        firings = await self._firings(heard, walk.block)
        late = await self._fire(firings) if firings else set()
        self._made |= {one.key: one.log.block_number for one in heard if one.job.id not in late}
        for job in pending:
            if job.id not in late and _goes_on(job):
                walk.go(job, last)
        # Those that wait stand still, and nothing else is left to be walked.
        return not late

    async def _hear(self, first: int, last: int, walk: _Walk) -> AsyncIterator[_Heard]:
        for address, topics in self._queries.items():
            for found in await self._reader.logs(address, topics, first, last):
                for job in self._concerned(found):
                    one, is_new = _Heard(job, found), walk.start(job) < found.block_number <= walk.end(job)
                    if is_new and one.key not in self._made and self._fires(job, found):
                        yield one

    def _concerned(self, found: Log) -> Iterable[WatchedJob]:
        keys = [(found.address, place, bytes(topic)) for place, topic in enumerate(found.topics)]
        every = (item for key in [(found.address, _ANY, b""), *keys] for item in self._by_key.get(key, ()))
        return list({job.id: job for one, job in every if _matches(one, found)}.values())

    def _fires(self, job: WatchedJob, found: Log) -> bool:
        definition = job.context.definition
        try:
            return _goes_on(job) and job.context.kind.log_fires(definition.spec, definition.account, found)
        except Exception:
            log.exception("watch_broken", job=job.id, transaction=str(found.transaction_hash))
            self._break(job)
            return False

    async def _firings(self, heard: Sequence[_Heard], block: Block) -> list[Firing]:
        receipts, times = Receipts(self._reader), dict[Hash32, Timestamp]()
        firings = []
        for one in heard:
            if one.log.block_hash not in times:
                times[one.log.block_hash] = await self._time_of(one.log)
            place = await _place(one.log, receipts)
            firings.append(_firing(one, place, times[one.log.block_hash], block))
        return firings

    async def _time_of(self, found: Log) -> Timestamp:
        mined = await self._reader.block(found.block_number)
        if mined.hash != found.block_hash:
            raise ChainUnavailable(f"block {found.block_number} changed while its logs were read")
        return mined.timestamp

    def _index(self, job: WatchedJob) -> None:
        for one in job.filters:
            known = self._queries.get(one.address)
            self._queries[one.address] = one.topics if known is None else _merged(known, one.topics)
            for key in _keys(one):
                self._by_key.setdefault(key, []).append((one, job))


def _goes_on(job: WatchedJob) -> bool:
    return not job.stopped and not job.broken


def _matches(one: LogFilter, found: Log) -> bool:
    if one.address != found.address or len(found.topics) < len(one.topics):
        return False
    pairs = zip(one.topics, found.topics, strict=False)
    return all(allowed is None or topic in allowed for allowed, topic in pairs)


def _keys(one: LogFilter) -> Iterable[Key]:
    """Yield where a filter is looked up: by its last topic, which tells most."""
    for place in reversed(range(len(one.topics))):
        allowed = one.topics[place]
        if allowed is not None:
            return [(one.address, place, bytes(topic)) for topic in allowed]
    return [(one.address, _ANY, b"")]


def _merged(known: Topics, more: Topics) -> Topics:
    """Return topics that let everything pass that either lets pass."""
    return tuple(_either(*pair) for pair in zip(known, more, strict=False))


def _either(known: tuple[Hash32, ...] | None, more: tuple[Hash32, ...] | None) -> tuple[Hash32, ...] | None:
    if known is None or more is None:
        return None
    both = tuple(dict.fromkeys((*known, *more)))
    return both if len(both) <= MOST_VALUES else None


async def _place(found: Log, receipts: Receipts) -> int:
    """Return the ordinal of a log in its transaction: in the block it may be another one after a reorg."""
    receipt = await receipts.of(found.transaction_hash)
    places = () if receipt is None else [log.log_index for log in receipt.logs]
    if receipt is None or receipt.block_hash != found.block_hash or found.log_index not in places:
        raise ChainUnavailable(f"the receipt of {found.transaction_hash} does not have its log yet")
    return list(places).index(found.log_index)


def _firing(one: _Heard, place: int, due_at: Timestamp, block: Block) -> Firing:
    found, job = one.log, one.job
    why = f"log {place} of transaction {found.transaction_hash} in block {found.block_number}"
    seen = replace(job.seen(block, job.memory, job.memory), code=EVENT_LOG, why=why)
    facts = {"transaction": str(found.transaction_hash), "block": str(found.block_number)}
    return Firing(seen, f"{found.transaction_hash}:{place}", None, due_at, facts)
