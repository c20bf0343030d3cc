"""The rows that a command touches, in memory, and what the command wrote to them.

The memory journal keeps everything in one image. The SQL journal loads what a batch of commands needs,
lets the same rules run over it and saves `writes` in one transaction.
"""

from dataclasses import dataclass, field

from agent.adapters.journal.hash_chain import Note, Tail, chained
from agent.domain.errors import NotFound
from agent.domain.hold import FailedUse, Hold
from agent.domain.journal import JobRow, JournalEntry
from agent.domain.journal_step import holds_lane
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.units import ChainId, Hash32


@dataclass(frozen=True, slots=True)
class Held:
    """What an occurrence holds of one limit; the chain counts it from `counted_in_block` on."""

    amount: int
    chain_id: ChainId
    counted_in_block: int | None = None

    def counts_at(self, block: int | None) -> bool:
        """Say whether the chain has not counted it yet at `block` (None: whatever it counted, it has)."""
        if self.counted_in_block is None:
            return True
        return block is not None and self.counted_in_block > block


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """A signed operation with the text that is its row."""

    operation: JournaledOperation
    text: str
    digest: str


@dataclass(slots=True)
class Writes:
    """What commands changed, in the order of the entries."""

    jobs: dict[str, JobRow] = field(default_factory=dict)
    occurrences: dict[int, Occurrence] = field(default_factory=dict)
    reservations: dict[tuple[int, str], Held | None] = field(default_factory=dict)
    operations: list[StoredOperation] = field(default_factory=list)
    failed_uses: dict[Hash32, tuple[FailedUse, ...]] = field(default_factory=dict)
    """By operation; an empty tuple takes back what was kept of it."""
    spent: dict[str, int] = field(default_factory=dict)
    holds: dict[tuple[str, str], Hold] = field(default_factory=dict)
    entries: list[JournalEntry] = field(default_factory=list)


@dataclass(slots=True)
class Image:
    """Rows by their keys; mutated only through the methods, which note every write."""

    tail: Tail = field(default_factory=Tail)
    jobs: dict[str, JobRow] = field(default_factory=dict)
    occurrences: dict[int, Occurrence] = field(default_factory=dict)
    holders: dict[str, set[int]] = field(default_factory=dict)
    """Occurrences that hold their job's lane."""
    paused: set[str] = field(default_factory=set)
    """Jobs that are paused."""
    reservations: dict[str, dict[int, Held]] = field(default_factory=dict)
    """By limit key, then occurrence."""
    held_keys: dict[int, set[str]] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    """Of the limits that the agent counts itself."""
    hashes: dict[Hash32, int] = field(default_factory=dict)
    """Which occurrence each operation was signed for."""
    holds: dict[tuple[str, str], Hold] = field(default_factory=dict)
    """By scope and code, the released ones too."""
    held: dict[str, Hold] = field(default_factory=dict)
    """One that is active of each scope that is held."""
    writes: Writes = field(default_factory=Writes)

    def occurrence(self, occurrence_id: int) -> Occurrence:
        """Return the row; raise NotFound."""
        try:
            return self.occurrences[occurrence_id]
        except KeyError:
            raise NotFound(f"no run {occurrence_id}") from None

    def job(self, job_id: str) -> JobRow:
        """Return the row; raise NotFound."""
        try:
            return self.jobs[job_id]
        except KeyError:
            raise NotFound(f"no job {job_id}") from None

    def put_job(self, row: JobRow) -> JobRow:
        """Keep the row, its cursor and its lane's next sequence."""
        job_id = row.enrolment.job_id
        self.jobs[job_id] = self.writes.jobs[job_id] = row
        (self.paused.add if row.paused else self.paused.discard)(job_id)
        return row

    def put_occurrence(self, row: Occurrence) -> Occurrence:
        """Keep the row."""
        self.writes.occurrences[row.id] = row
        return self.load_occurrence(row)

    def load_occurrence(self, row: Occurrence) -> Occurrence:
        """Take the row as the store has it."""
        self.occurrences[row.id] = row
        if holds_lane(row):
            self.holders.setdefault(row.job_id, set()).add(row.id)
        elif row.job_id in self.holders:
            self.holders[row.job_id].discard(row.id)
        return row

    def put_reservation(self, occurrence_id: int, limit_key: str, held: Held | None) -> None:
        """Keep what the occurrence holds of the limit; None lets it go."""
        self.writes.reservations[occurrence_id, limit_key] = held
        if held is not None:
            self.load_reservation(occurrence_id, limit_key, held)
            return
        self.reservations[limit_key].pop(occurrence_id)
        self.held_keys[occurrence_id].discard(limit_key)

    def load_reservation(self, occurrence_id: int, limit_key: str, held: Held) -> None:
        """Take the reservation as the store has it."""
        self.reservations.setdefault(limit_key, {})[occurrence_id] = held
        self.held_keys.setdefault(occurrence_id, set()).add(limit_key)

    def put_spent(self, limit_key: str, amount: int) -> None:
        """Add to what was spent of a limit that the agent counts itself."""
        self.spent[limit_key] = self.writes.spent[limit_key] = self.spent.get(limit_key, 0) + amount

    def put_operation(self, stored: StoredOperation) -> None:
        """Keep the signed operation."""
        self.hashes[stored.operation.user_op_hash] = stored.operation.occurrence_id
        self.writes.operations.append(stored)

    def put_failed_uses(self, user_op_hash: Hash32, uses: tuple[FailedUse, ...]) -> None:
        """Keep what an operation that reverted had reserved; an empty tuple takes it back."""
        self.writes.failed_uses[user_op_hash] = uses

    def put_hold(self, hold: Hold) -> Hold:
        """Keep a hold, active or released."""
        self.writes.holds[str(hold.scope), hold.code] = hold
        return self.load_hold(hold)

    def load_hold(self, hold: Hold) -> Hold:
        """Take the hold as the store has it."""
        scope = str(hold.scope)
        self.holds[scope, hold.code] = hold
        self.held.pop(scope, None)
        for (held, _), one in self.holds.items():
            if held == scope and one.active:
                self.held[scope] = one
        return hold

    def note(self, note: Note) -> None:
        """Add a row to the hash chain."""
        entry = chained(self.tail, note)
        self.tail = Tail(entry.sequence, entry.digest)
        self.writes.entries.append(entry)
