"""What can be asked of the journal, each on a connection of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, text

from agent.adapters.journal.audit import Audit
from agent.adapters.journal.hash_chain import check_chain
from agent.adapters.journal.operation_text import operation_from_text, signed_under
from agent.adapters.sql import tables
from agent.adapters.sql.hold_rows import every_epoch, failed_uses, holds
from agent.adapters.sql.load import JOBS
from agent.adapters.sql.rows import entry_from_row, held_from_row, job_from_row, number, occurrence_from_row
from agent.domain.errors import NotFound, StoreDamaged
from agent.domain.journal import JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Hash32, Timestamp

MOST_VALUES = 500
"""In one statement."""


def operations(connection: Connection, occurrence_id: int) -> tuple[JournaledOperation, ...]:
    """Return every operation signed for the occurrence, oldest first, each checked against its digest."""
    table = tables.operations
    query = select(table).where(table.c.occurrence_id == occurrence_id).order_by(table.c.position)
    return tuple(operation_from_text(row.record, row.digest) for row in connection.execute(query))


def operations_of(
    connection: Connection, occurrence_ids: Sequence[int]
) -> dict[int, tuple[JournaledOperation, ...]]:
    """Return the operations of many occurrences as `operations` does; those without any are left out."""
    table = tables.operations
    found: dict[int, list[JournaledOperation]] = {}
    for start in range(0, len(occurrence_ids), MOST_VALUES):
        wanted = occurrence_ids[start : start + MOST_VALUES]
        query = select(table).where(table.c.occurrence_id.in_(wanted)).order_by(table.c.position)
        for row in connection.execute(query):
            operation = operation_from_text(row.record, row.digest)
            found.setdefault(row.occurrence_id, []).append(operation)
    return {one: tuple(operations) for one, operations in found.items()}


def signed(connection: Connection, hashes: Sequence[Hash32]) -> dict[Hash32, Hash32]:
    """Return those of these operations that have a row, with the permission id each was signed under."""
    columns = tables.operations.c
    found: dict[Hash32, Hash32] = {}
    for start in range(0, len(hashes), MOST_VALUES):
        wanted = [bytes(one) for one in hashes[start : start + MOST_VALUES]]
        query = select(columns.user_op_hash, columns.record).where(columns.user_op_hash.in_(wanted))
        for row in connection.execute(query):
            found[Hash32(row.user_op_hash)] = signed_under(row.record)
    return found


def occurrence(connection: Connection, occurrence_id: int) -> Occurrence:
    """Return one occurrence; raise NotFound."""
    query = select(tables.occurrences).where(tables.occurrences.c.id == occurrence_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no run {occurrence_id}")
    return occurrence_from_row(row)


@dataclass(frozen=True, slots=True)
class Match:
    """Which occurrences are wanted; None matches all."""

    states: Sequence[State] | None = None
    job_id: str | None = None
    settled: bool | None = None
    chain_id: ChainId | None = None
    since: Timestamp | None = None
    """Changed then or later."""

    def terms(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a row has to be."""
        row = tables.occurrences.c
        if self.states is not None:
            yield row.state.in_([state.value for state in self.states])
        if self.job_id is not None:
            yield row.job_id == self.job_id
        if self.settled is not None:
            yield row.settled.is_(self.settled)
        if self.chain_id is not None:
            yield row.chain_id == self.chain_id
        if self.since is not None:
            yield row.updated_at >= self.since


def occurrences(
    connection: Connection,
    match: Match,
    limit: int | None,
    newest_first: bool,  # noqa: FBT001 - passed on as it came
) -> tuple[Occurrence, ...]:
    """Return the occurrences that match, by id."""
    table = tables.occurrences
    query = select(table).order_by(table.c.id.desc() if newest_first else table.c.id).limit(limit)
    rows = connection.execute(query.where(*match.terms()))
    return tuple(occurrence_from_row(row) for row in rows)


def jobs(connection: Connection, active_only: bool) -> tuple[JobRow, ...]:  # noqa: FBT001 - passed on as it came
    """Return the jobs by id."""
    query = JOBS.order_by(tables.jobs.c.job_id)
    if active_only:
        query = query.where(tables.jobs.c.active)
    return tuple(job_from_row(row) for row in connection.execute(query))


def jobs_by_id(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobRow]:
    """Return those of these jobs that there are."""
    found: dict[str, JobRow] = {}
    for start in range(0, len(job_ids), MOST_VALUES):
        wanted = job_ids[start : start + MOST_VALUES]
        for row in connection.execute(JOBS.where(tables.jobs.c.job_id.in_(wanted))):
            found[row.job_id] = job_from_row(row)
    return found


@dataclass(frozen=True, slots=True)
class Counted:
    """What the chains have not counted yet: its sums by limit key, and each occurrence's own part."""

    sums: dict[str, int]
    parts: dict[int, dict[str, int]]

    def without(self, occurrence_id: int | None) -> dict[str, int]:
        """Return the sums without one occurrence's part."""
        left = self.sums.copy()
        part = {} if occurrence_id is None else self.parts.get(occurrence_id, {})
        for key, amount in part.items():
            left[key] -= amount
            if not left[key]:
                del left[key]
        return left


def reserved(connection: Connection, at_block: dict[ChainId, int]) -> Counted:
    """Sum what the chains have not counted; in Python, because no database integer holds a uint256."""
    counted = Counted({}, {})
    for row in connection.execute(select(tables.reservations)):
        held = held_from_row(row)
        if held.counts_at(at_block.get(held.chain_id)):
            for sums in (counted.sums, counted.parts.setdefault(row.occurrence_id, {})):
                sums[row.limit_key] = sums.get(row.limit_key, 0) + held.amount
    return counted


def spent(connection: Connection) -> dict[str, int]:
    """Return what was used of the limits that the agent counts itself."""
    return {row.limit_key: number(row.amount) for row in connection.execute(select(tables.spent))}


def entries(connection: Connection, occurrence_id: int | None) -> tuple[JournalEntry, ...]:
    """Return the hash chain's rows, or those of one occurrence."""
    query = select(tables.entries).order_by(tables.entries.c.sequence)
    if occurrence_id is not None:
        query = query.where(tables.entries.c.occurrence_id == occurrence_id)
    return tuple(entry_from_row(row) for row in connection.execute(query))


def entries_after(connection: Connection, sequence: int, since: Timestamp) -> tuple[JournalEntry, ...]:
    """Return the hash chain's rows behind one, but for those before a time."""
    table = tables.entries
    query = select(table).where(table.c.sequence > sequence, table.c.at >= since).order_by(table.c.sequence)
    return tuple(entry_from_row(row) for row in connection.execute(query))


def verify(connection: Connection) -> None:
    """Check the file, the hash chain, and that the other tables say what the chain says."""
    _check_file(connection)
    audit = Audit()
    query = select(tables.entries).order_by(tables.entries.c.sequence).execution_options(yield_per=1_000)
    check_chain(audit.watch(entry_from_row(row) for row in connection.execute(query)))
    for row in connection.execute(select(tables.operations).execution_options(yield_per=1_000)):
        operation_from_text(row.record, row.digest)
        audit.operation(Hash32(row.user_op_hash), row.digest)
    _check_runs(connection, audit)
    for hold in holds(connection, active_only=False):
        audit.hold(hold)
    for use in failed_uses(connection):
        audit.counting.failed_use(use)
    for epoch in every_epoch(connection):
        audit.counting.epoch(epoch)
    for limit_key, amount in spent(connection).items():
        audit.spent(limit_key, amount)
    audit.finish()


def _check_runs(connection: Connection, audit: Audit) -> None:
    for job in jobs(connection, active_only=False):
        audit.rows.job(job)
    runs = select(tables.occurrences).execution_options(yield_per=1_000)
    for row in connection.execute(runs):
        audit.occurrence(row.id, row.state)
        audit.rows.run(occurrence_from_row(row))
    for row in connection.execute(select(tables.reservations)):
        audit.rows.reservation(row.occurrence_id, row.limit_key, held_from_row(row))


def _check_file(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if answer != "ok":
        raise StoreDamaged(f"the journal's file is damaged: {answer}")
