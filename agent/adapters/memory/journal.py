"""A journal that forgets when the process ends: for dry runs, simulations and tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.adapters.journal import claim as claiming
from agent.adapters.journal.command import Arm, Claim, Doubt, Fire, Pause, PutHold, ReleaseHold, Resume
from agent.adapters.journal.enrol import doubt, enroll, pause, resume
from agent.adapters.journal.fire import Known, fire
from agent.adapters.journal.hash_chain import check_chain
from agent.adapters.journal.holding import put_hold, release_hold, watch_note, with_epochs
from agent.adapters.journal.image import Image, Writes
from agent.adapters.journal.operation_text import signed_under
from agent.adapters.journal.record import append, record
from agent.domain.firing import Firing, Seen, StateSum, TriggerRow, after, firings_from, why_stopped
from agent.domain.hold import Burn, Epoch, FailedUse, Hold, Scope, Watched, burns
from agent.domain.journal import Change, Enrolment, JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Hash32, Timestamp
from agent.domain.watching import Firings
from agent.ports import Journal


class MemoryJournal:
    """Keeps the rules of the durable journals; one command runs at a time because none awaits."""

    def __init__(self) -> None:
        self._image = Image()
        self._slots: dict[tuple[str, str], int] = {}
        self._operations: dict[int, list[JournaledOperation]] = {}
        self._entries: list[JournalEntry] = []
        self._held_elsewhere: dict[str, int] = {}
        self._failed_uses: dict[Hash32, tuple[FailedUse, ...]] = {}
        self._signed_under: dict[Hash32, Hash32] = {}
        self._watched: dict[ChainId, Watched] = {}
        self._seen: dict[str, Seen] = {}
        self._past: dict[str, Firings] = {}
        """Firings of the journal that this one rehearses, but for those that it has itself."""

    @classmethod
    async def rehearsing(cls, journal: Journal) -> "MemoryJournal":
        """Return a journal that starts where another one stands and keeps all changes to itself."""
        copy = cls()
        for row in await journal.jobs(active_only=False):
            copy._image.put_job(row)  # its own kind
        for occurrence in await journal.occurrences(states=(State.DUE, State.CLAIMED)):
            copy._image.put_occurrence(occurrence)
        for hold in await journal.holds(active_only=False):
            copy._image.put_hold(hold)
        copy._held_elsewhere = await journal.reserved()
        copy._image.spent.update(await journal.spent())
        for job_id, known in (await journal.triggers(list(copy._image.jobs))).items():
            here = copy._firings(job_id).open
            copy._seen[job_id] = known.seen
            copy._past[job_id] = replace(known.firings, open=known.firings.open - here)
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

    async def triggers(self, job_ids: Sequence[str]) -> Mapping[str, TriggerRow]:
        return {job_id: self._trigger(job_id) for job_id in job_ids if job_id in self._image.jobs}

    async def fire(self, firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        known = Known({one.job_id: self._firings(one.job_id).count for one in firings})
        known.slots = {(row.job_id, row.slot) for row in self._image.occurrences.values()}
        first_id = next(reversed(self._image.occurrences), 0) + 1
        rows = fire(self._image, Fire(tuple(firings), at), known, first_id)
        for firing, row in zip(firings, rows, strict=True):
            if row is not None:
                self._slots[row.job_id, row.slot] = row.id
                self._image.put_occurrence(row)
                self._seen[firing.job_id] = replace(firing.seen, fired=None)
        self._keep()
        return rows

    async def remember(self, seen: Sequence[Seen]) -> None:
        self._seen |= {
            one.job_id: replace(one, fired=None)
            for one in seen
            if one.fired is None or self._firings(one.job_id).count <= one.fired
        }

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

    async def operations_of(
        self, occurrence_ids: Sequence[int]
    ) -> Mapping[int, tuple[JournaledOperation, ...]]:
        return {one: tuple(self._operations[one]) for one in occurrence_ids if one in self._operations}

    async def signed(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Hash32]:
        return {one: self._signed_under[one] for one in hashes if one in self._signed_under}

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
        chain_id: ChainId | None = None,
        since: Timestamp | None = None,
    ) -> tuple[Occurrence, ...]:
        rows = [
            row
            for _, row in sorted(self._image.occurrences.items(), reverse=newest_first)
            if (states is None or row.state in states)
            and job_id in (None, row.job_id)
            and settled in (None, row.settled)
            and chain_id in (None, row.chain_id)
            and (since is None or row.updated_at >= since)
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

    async def doubt(self, job_id: str, until: Timestamp, reason: str, at: Timestamp) -> JobRow:
        row = doubt(self._image, Doubt(job_id, until, reason, at))
        self._keep()
        return row

    async def hold(self, hold: Hold) -> Hold:
        kept = put_hold(self._image, PutHold(hold))
        self._keep()
        return kept

    async def release_hold(
        self, scope: Scope, code: str, reason: str, at: Timestamp, *, accepted: bool = False
    ) -> Hold:
        kept = release_hold(self._image, ReleaseHold(scope, code, reason, at, accepted))
        self._keep()
        return kept

    async def holds(self, *, active_only: bool = True) -> tuple[Hold, ...]:
        found = (hold for _, hold in sorted(self._image.holds.items()))
        return tuple(hold for hold in found if hold.active or not active_only)

    async def watched(self, chain_id: ChainId) -> Watched:
        return self._watched.get(chain_id, Watched())

    async def watch(self, chain_id: ChainId, swept_to: int, epochs: Sequence[Epoch], at: Timestamp) -> None:
        known = self._watched.get(chain_id, Watched())
        self._watched[chain_id] = Watched(swept_to, with_epochs(known.epochs, tuple(epochs)))
        if epochs:
            self._image.note(watch_note(tuple(epochs), at))
        self._keep()

    async def burned(self) -> tuple[Burn, ...]:
        epochs = [epoch for watched in self._watched.values() for epoch in watched.epochs]
        return burns((use for uses in self._failed_uses.values() for use in uses), epochs)

    async def reserved(
        self, at_block: dict[ChainId, int] | None = None, besides: int | None = None
    ) -> dict[str, int]:
        blocks = at_block or {}
        sums = dict(self._held_elsewhere)
        for key, holders in self._image.reservations.items():
            amounts = [
                held.amount
                for owner, held in holders.items()
                if owner != besides and held.counts_at(blocks.get(held.chain_id))
            ]
            if amounts:
                sums[key] = sums.get(key, 0) + sum(amounts)
        return sums

    async def spent(self) -> Mapping[str, int]:
        return dict(self._image.spent)

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]:
        return tuple(
            entry for entry in self._entries if occurrence_id is None or entry.occurrence_id == occurrence_id
        )

    async def entries_after(self, sequence: int, since: Timestamp) -> tuple[JournalEntry, ...]:
        return tuple(entry for entry in self._entries[sequence:] if entry.at >= since)

    async def verify(self) -> None:
        check_chain(self._entries)

    async def close(self) -> None:
        """Nothing to close."""

    def _trigger(self, job_id: str) -> TriggerRow:
        seen = self._seen.get(job_id, Seen(job_id))
        return TriggerRow(seen, self._firings(job_id), why_stopped(self._image.job(job_id), self._image.held))

    def _firings(self, job_id: str) -> Firings:
        mine = (row for row in self._image.occurrences.values() if row.job_id == job_id)
        own = firings_from(StateSum(row.state, 1, row.ordinal, row.updated_at) for row in mine)
        return after(self._past[job_id], own) if job_id in self._past else own

    def _keep(self) -> None:
        for stored in self._image.writes.operations:
            self._operations.setdefault(stored.operation.occurrence_id, []).append(stored.operation)
            self._signed_under[stored.operation.user_op_hash] = signed_under(stored.text)
        self._failed_uses |= self._image.writes.failed_uses
        self._entries.extend(self._image.writes.entries)
        self._image.writes = Writes()
