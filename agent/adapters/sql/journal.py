"""The durable journal: one writer thread, one reader thread, SQLite or PostgreSQL behind them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from agent.adapters.journal.command import (
    Append,
    Arm,
    Claim,
    Doubt,
    Enroll,
    Fire,
    Pause,
    PutHold,
    Record,
    ReleaseHold,
    Remember,
    Resume,
    Watch,
)
from agent.adapters.sql import hold_rows, queries, trigger_rows
from agent.adapters.sql.transaction import run_batch, unavailable
from agent.adapters.sql.writer import Writer
from agent.adapters.together import Together
from agent.domain.errors import NotFound, StoreUnavailable
from agent.domain.firing import Firing, Seen, TriggerRow
from agent.domain.hold import Burn, Epoch, Hold, Scope, Watched
from agent.domain.journal import Change, Enrolment, JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Hash32, Timestamp

T = TypeVar("T")


class SqlJournal:
    """A Journal for one event loop; `release` gives up the worker's lock."""

    def __init__(self, writes: Engine, reads: Engine, release: Callable[[], None]) -> None:
        self._engines = (writes, reads)
        self._reads = reads
        self._release = release
        self._writer = Writer(partial(run_batch, writes))
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        self._closed = False
        # What many runs ask at once is the same for all of them, and grows with their number.
        self._reserved: Together[frozenset[tuple[ChainId, int]], queries.Counted] = Together()
        self._holds: Together[bool, tuple[Hold, ...]] = Together()
        self._spent: Together[None, Mapping[str, int]] = Together()
        self._jobs: Together[None, Mapping[str, JobRow]] = Together()
        self._wanted: set[str] = set()
        """Jobs that are asked for in this turn."""

    async def enroll(self, jobs: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
        return await self._writer.submit(Enroll(tuple(jobs), at))

    async def claim_due(self, now: Timestamp, limit: int, arm: Arm) -> tuple[Occurrence, ...]:
        """Run `arm` on the writer's thread."""
        return await self._writer.submit(Claim(now, limit, arm))

    async def triggers(self, job_ids: Sequence[str]) -> Mapping[str, TriggerRow]:
        return await self._read(trigger_rows.triggers, job_ids)

    async def fire(self, firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        return await self._writer.submit(Fire(tuple(firings), at))

    async def remember(self, seen: Sequence[Seen]) -> None:
        await self._writer.submit(Remember(tuple(seen)))

    async def record(self, change: Change) -> Occurrence:
        return await self._writer.submit(Record(change))

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        return await self._writer.submit(Append(signed, change))

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow:
        return await self._writer.submit(Pause(job_id, reason, at))

    async def resume(self, job_id: str, at: Timestamp) -> JobRow:
        return await self._writer.submit(Resume(job_id, at))

    async def doubt(self, job_id: str, until: Timestamp, reason: str, at: Timestamp) -> JobRow:
        return await self._writer.submit(Doubt(job_id, until, reason, at))

    async def operations(self, occurrence_id: int) -> tuple[JournaledOperation, ...]:
        return await self._read(queries.operations, occurrence_id)

    async def operations_of(
        self, occurrence_ids: Sequence[int]
    ) -> Mapping[int, tuple[JournaledOperation, ...]]:
        return await self._read(queries.operations_of, occurrence_ids)

    async def signed(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Hash32]:
        return await self._read(queries.signed, hashes)

    async def occurrence(self, occurrence_id: int) -> Occurrence:
        return await self._read(queries.occurrence, occurrence_id)

    async def occurrences(
        self,
        states: Sequence[State] | None = None,
        job_id: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
        settled: bool | None = None,
        chain_id: ChainId | None = None,
        since: Timestamp | None = None,
    ) -> tuple[Occurrence, ...]:
        match = queries.Match(states, job_id, settled, chain_id, since)
        return await self._read(queries.occurrences, match, limit, newest_first)

    async def jobs(self, *, active_only: bool = True) -> tuple[JobRow, ...]:
        return await self._read(queries.jobs, active_only)

    async def job(self, job_id: str) -> JobRow:
        self._wanted.add(job_id)
        row = (await self._jobs.ask(None, self._wanted_jobs)).get(job_id)
        if row is None:
            raise NotFound(f"no job {job_id}")
        return row

    async def hold(self, hold: Hold) -> Hold:
        return await self._writer.submit(PutHold(hold))

    async def release_hold(
        self, scope: Scope, code: str, reason: str, at: Timestamp, *, accepted: bool = False
    ) -> Hold:
        return await self._writer.submit(ReleaseHold(scope, code, reason, at, accepted))

    async def holds(self, *, active_only: bool = True) -> tuple[Hold, ...]:
        return await self._holds.ask(active_only, lambda: self._read(hold_rows.holds, active_only))

    async def watched(self, chain_id: ChainId) -> Watched:
        return await self._read(hold_rows.watched, chain_id)

    async def watch(self, chain_id: ChainId, swept_to: int, epochs: Sequence[Epoch], at: Timestamp) -> None:
        await self._writer.submit(Watch(chain_id, swept_to, tuple(epochs), at))

    async def burned(self) -> tuple[Burn, ...]:
        return await self._read(hold_rows.burned)

    async def reserved(
        self, at_block: dict[ChainId, int] | None = None, besides: int | None = None
    ) -> dict[str, int]:
        at = at_block or {}
        key = frozenset(at.items())
        counted = await self._reserved.ask(key, lambda: self._read(queries.reserved, at))
        return counted.without(besides)

    async def spent(self) -> Mapping[str, int]:
        return await self._spent.ask(None, lambda: self._read(queries.spent))

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]:
        return await self._read(queries.entries, occurrence_id)

    async def entries_after(self, sequence: int, since: Timestamp) -> tuple[JournalEntry, ...]:
        return await self._read(queries.entries_after, sequence, since)

    async def verify(self) -> None:
        await self._read(queries.verify)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close_now)

    def close_now(self) -> None:
        """Finish what is queued and give up the store; blocks."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._reader.shutdown()
        for engine in self._engines:
            engine.dispose()
        self._release()

    async def _wanted_jobs(self) -> Mapping[str, JobRow]:
        wanted, self._wanted = self._wanted, set()
        return await self._read(queries.jobs_by_id, sorted(wanted))

    async def _read(self, query: Callable[..., T], *values: object) -> T:
        if self._closed:
            raise StoreUnavailable("the journal is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, _query, self._reads, query, values)


def _query(engine: Engine, query: Callable[..., T], values: tuple[object, ...]) -> T:
    try:
        with engine.begin() as connection:
            return query(connection, *values)
    except SQLAlchemyError as error:
        raise unavailable(error) from error
