"""What can be asked of the journal, each on a connection of its own."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from agent.adapters.journal.audit import Audit
from agent.adapters.journal.hash_chain import check_chain
from agent.adapters.journal.operation_text import operation_from_text
from agent.adapters.sql import tables
from agent.adapters.sql.load import JOBS
from agent.adapters.sql.rows import entry_from_row, held_from_row, job_from_row, occurrence_from_row
from agent.domain.errors import NotFound, StoreUnavailable
from agent.domain.journal import JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import State
from agent.domain.units import ChainId, Hash32


def operations(connection: Connection, occurrence_id: int) -> tuple[JournaledOperation, ...]:
    """Return every operation signed for the occurrence, oldest first, each checked against its digest."""
    table = tables.operations
    query = select(table).where(table.c.occurrence_id == occurrence_id).order_by(table.c.position)
    return tuple(operation_from_text(row.record, row.digest) for row in connection.execute(query))


def occurrence(connection: Connection, occurrence_id: int) -> Occurrence:
    """Return one occurrence; raise NotFound."""
    query = select(tables.occurrences).where(tables.occurrences.c.id == occurrence_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no run {occurrence_id}")
    return occurrence_from_row(row)


def occurrences(
    connection: Connection,
    states: Sequence[State] | None,
    job_id: str | None,
    limit: int | None,
    newest_first: bool,  # noqa: FBT001 - passed on as it came
    settled: bool | None,  # noqa: FBT001 - passed on as it came
) -> tuple[Occurrence, ...]:
    """Return the occurrences that match, by id."""
    table = tables.occurrences
    query = select(table).order_by(table.c.id.desc() if newest_first else table.c.id).limit(limit)
    if states is not None:
        query = query.where(table.c.state.in_([state.value for state in states]))
    if job_id is not None:
        query = query.where(table.c.job_id == job_id)
    if settled is not None:
        query = query.where(table.c.settled.is_(settled))
    return tuple(occurrence_from_row(row) for row in connection.execute(query))


def jobs(connection: Connection, active_only: bool) -> tuple[JobRow, ...]:  # noqa: FBT001 - passed on as it came
    """Return the jobs by id."""
    query = JOBS.order_by(tables.jobs.c.job_id)
    if active_only:
        query = query.where(tables.jobs.c.active)
    return tuple(job_from_row(row) for row in connection.execute(query))


def job(connection: Connection, job_id: str) -> JobRow:
    """Return one job; raise NotFound."""
    row = connection.execute(JOBS.where(tables.jobs.c.job_id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"no job {job_id}")
    return job_from_row(row)


def reserved(connection: Connection, at_block: dict[ChainId, int]) -> dict[str, int]:
    """Sum what the chains have not counted; in Python, because no database integer holds a uint256."""
    sums: dict[str, int] = {}
    for row in connection.execute(select(tables.reservations)):
        held = held_from_row(row)
        if held.counts_at(at_block.get(held.chain_id)):
            sums[row.limit_key] = sums.get(row.limit_key, 0) + held.amount
    return sums


def entries(connection: Connection, occurrence_id: int | None) -> tuple[JournalEntry, ...]:
    """Return the hash chain's rows, or those of one occurrence."""
    query = select(tables.entries).order_by(tables.entries.c.sequence)
    if occurrence_id is not None:
        query = query.where(tables.entries.c.occurrence_id == occurrence_id)
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
    states = select(tables.occurrences.c.id, tables.occurrences.c.state).execution_options(yield_per=1_000)
    for row in connection.execute(states):
        audit.occurrence(row.id, row.state)
    audit.finish()


def _check_file(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if answer != "ok":
        raise StoreUnavailable(f"the journal's file is damaged: {answer}")
