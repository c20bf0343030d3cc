"""The durable journal: one writer thread, one reader thread, SQLite or PostgreSQL behind them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from agent.adapters.journal.command import Append, Arm, Claim, Enroll, Pause, Record, Resume
from agent.adapters.sql import queries
from agent.adapters.sql.transaction import run_batch, unavailable
from agent.adapters.sql.writer import Writer
from agent.domain.errors import StoreUnavailable
from agent.domain.journal import Change, Enrolment, JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Timestamp

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

    async def enroll(self, jobs: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
        return await self._writer.submit(Enroll(tuple(jobs), at))

    async def claim_due(self, now: Timestamp, limit: int, arm: Arm) -> tuple[Occurrence, ...]:
        """Run `arm` on the writer's thread."""
        return await self._writer.submit(Claim(now, limit, arm))

    async def record(self, change: Change) -> Occurrence:
        return await self._writer.submit(Record(change))

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        return await self._writer.submit(Append(signed, change))

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow:
        return await self._writer.submit(Pause(job_id, reason, at))

    async def resume(self, job_id: str, at: Timestamp) -> JobRow:
        return await self._writer.submit(Resume(job_id, at))

    async def operations(self, occurrence_id: int) -> tuple[JournaledOperation, ...]:
        return await self._read(queries.operations, occurrence_id)

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
    ) -> tuple[Occurrence, ...]:
        return await self._read(queries.occurrences, states, job_id, limit, newest_first, settled)

    async def jobs(self, *, active_only: bool = True) -> tuple[JobRow, ...]:
        return await self._read(queries.jobs, active_only)

    async def job(self, job_id: str) -> JobRow:
        return await self._read(queries.job, job_id)

    async def reserved(self, at_block: dict[ChainId, int] | None = None) -> dict[str, int]:
        return await self._read(queries.reserved, at_block or {})

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]:
        return await self._read(queries.entries, occurrence_id)

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
