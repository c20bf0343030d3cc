"""A journal that forgets when the process ends: for dry runs, simulations and tests."""

from collections.abc import Sequence
from dataclasses import replace

from agent.adapters.journal import claim as claiming
from agent.adapters.journal.command import Arm, Claim, Pause, Resume
from agent.adapters.journal.enrol import enroll, pause, resume
from agent.adapters.journal.hash_chain import check_chain
from agent.adapters.journal.image import Image, Writes
from agent.adapters.journal.record import append, record
from agent.domain.journal import Change, Enrolment, JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Timestamp
from agent.ports import Journal


class MemoryJournal:
    """Keeps the rules of the durable journals; one command runs at a time because none awaits."""

    def __init__(self) -> None:
        self._image = Image()
        self._slots: dict[tuple[str, str], int] = {}
        self._operations: dict[int, list[JournaledOperation]] = {}
        self._entries: list[JournalEntry] = []
        self._held_elsewhere: dict[str, int] = {}

    @classmethod
    async def rehearsing(cls, journal: Journal) -> "MemoryJournal":
        """Return a journal that starts where another one stands and keeps all changes to itself."""
        copy = cls()
        for row in await journal.jobs(active_only=False):
            copy._image.put_job(row)  # its own kind
        for occurrence in await journal.occurrences(states=(State.DUE, State.CLAIMED)):
            copy._image.put_occurrence(occurrence)
        copy._held_elsewhere = await journal.reserved()
        copy._keep()
        return copy

    async def enroll(self, jobs: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
        rows = enroll(self._image, jobs, at)
        self._keep()
        return rows

    async def claim_due(self, now: Timestamp, limit: int, arm: Arm) -> tuple[Occurrence, ...]:
        due = sorted(
            (row for row in self._image.jobs.values() if claiming.is_due(row, now)), key=claiming.due_order
        )
        first_id = next(reversed(self._image.occurrences), 0) + 1
        moves, fresh = claiming.arm_all(due[:limit], Claim(now, limit, arm), first_id)
        for job_id, cursor in moves:
            job = self._image.job(job_id)
            self._image.put_job(replace(job, enrolment=replace(job.enrolment, cursor=cursor)))
        rows = tuple(claiming.unclaimed(fresh, self._slots))
        if rows:
            self._image.note(claiming.claim_note(rows, now))
        for row in rows:
            self._image.put_occurrence(row)
        self._keep()
        return rows

    async def record(self, change: Change) -> Occurrence:
        after = record(self._image, change)
        self._keep()
        return after

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        stored = append(self._image, signed, change)
        self._keep()
        return stored

    async def operations(self, occurrence_id: int) -> tuple[JournaledOperation, ...]:
        return tuple(self._operations.get(occurrence_id, ()))

    async def occurrence(self, occurrence_id: int) -> Occurrence:
        return self._image.occurrence(occurrence_id)

    async def occurrences(
        self,
        states: Sequence[State] | None = None,
        job_id: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
        settled: bool | None = None,
    ) -> tuple[Occurrence, ...]:
        rows = [
            row
            for _, row in sorted(self._image.occurrences.items(), reverse=newest_first)
            if (states is None or row.state in states)
            and job_id in (None, row.job_id)
            and settled in (None, row.settled)
        ]
        return tuple(rows[:limit])

    async def jobs(self, *, active_only: bool = True) -> tuple[JobRow, ...]:
        rows = sorted(self._image.jobs.items())
        return tuple(row for _, row in rows if row.active or not active_only)

    async def job(self, job_id: str) -> JobRow:
        return self._image.job(job_id)

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow:
        row = pause(self._image, Pause(job_id, reason, at))
        self._keep()
        return row

    async def resume(self, job_id: str, at: Timestamp) -> JobRow:
        row = resume(self._image, Resume(job_id, at))
        self._keep()
        return row

    async def reserved(self, at_block: dict[ChainId, int] | None = None) -> dict[str, int]:
        blocks = at_block or {}
        sums = dict(self._held_elsewhere)
        for key, holders in self._image.reservations.items():
            amounts = [held.amount for held in holders.values() if held.counts_at(blocks.get(held.chain_id))]
            if amounts:
                sums[key] = sums.get(key, 0) + sum(amounts)
        return sums

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]:
        return tuple(
            entry for entry in self._entries if occurrence_id is None or entry.occurrence_id == occurrence_id
        )

    async def verify(self) -> None:
        check_chain(self._entries)

    async def close(self) -> None:
        """Nothing to close."""

    def _keep(self) -> None:
        for stored in self._image.writes.operations:
            self._operations.setdefault(stored.operation.occurrence_id, []).append(stored.operation)
        self._entries.extend(self._image.writes.entries)
        self._image.writes = Writes()
