"""Write back what a batch of commands changed, each kind in one statement."""

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

from agent.adapters.journal.claim import Moves
from agent.adapters.journal.image import Held, Writes
from agent.adapters.sql import tables
from agent.adapters.sql.bulk import run_many
from agent.adapters.sql.hold_rows import hold_values, save_failed_uses
from agent.adapters.sql.rows import (
    cursor_values,
    entry_values,
    job_values,
    lane_values,
    new_occurrence_values,
    occurrence_values,
    operation_values,
    reservation_values,
    word,
)
from agent.domain.occurrence import Occurrence
from agent.domain.units import ChainId

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_UPDATE_OCCURRENCE = update(tables.occurrences).where(tables.occurrences.c.id == bindparam("row_id"))
_UPDATE_JOB = update(tables.jobs).where(tables.jobs.c.job_id == bindparam("row_id"))
_INSERT_OPERATION = insert(tables.operations)
_INSERT_ENTRY = insert(tables.entries)
_DELETE_RESERVATION = delete(tables.reservations).where(
    tables.reservations.c.occurrence_id == bindparam("owner"),
    tables.reservations.c.limit_key == bindparam("key"),
)


def save(connection: Connection, writes: Writes) -> None:
    """Write everything; rows that others refer to come first."""
    if writes.jobs:
        upsert(connection, tables.lanes, [lane_values(row) for row in writes.jobs.values()])
        upsert(connection, tables.jobs, [job_values(row) for row in writes.jobs.values()])
    _save_occurrences(connection, writes)
    if writes.holds:
        upsert(connection, tables.holds, [hold_values(hold) for hold in writes.holds.values()])
    if writes.entries:
        run_many(connection, _INSERT_ENTRY, [entry_values(entry) for entry in writes.entries])


def _save_occurrences(connection: Connection, writes: Writes) -> None:
    if writes.occurrences:
        rows = [{"row_id": row.id, **occurrence_values(row)} for row in writes.occurrences.values()]
        run_many(connection, _UPDATE_OCCURRENCE, rows)
    if writes.reservations:
        _save_reservations(connection, writes.reservations)
    if writes.spent:
        rows = [{"limit_key": key, "amount": word(amount)} for key, amount in writes.spent.items()]
        upsert(connection, tables.spent, rows)
    if writes.operations:
        first = writes.entries[0].sequence
        rows = [operation_values(stored, first + place) for place, stored in enumerate(writes.operations)]
        run_many(connection, _INSERT_OPERATION, rows)
    if writes.failed_uses:
        save_failed_uses(connection, writes.failed_uses)


def newest_id(connection: Connection) -> int:
    """Return the id of the newest occurrence; 0 without any."""
    newest: int | None = connection.execute(select(func.max(tables.occurrences.c.id))).scalar_one()
    return newest or 0


def save_new(connection: Connection, rows: list[Occurrence]) -> list[Occurrence]:
    """Insert the occurrences whose (job, slot) is new and return those."""
    if not rows:
        return rows
    values = [new_occurrence_values(row) for row in rows]
    statement = _insert_new_occurrence(connection.dialect.name)
    if run_many(connection, statement, values) == len(rows):
        return rows
    inserted = select(tables.occurrences.c.id).where(tables.occurrences.c.id >= rows[0].id)
    ids = set(connection.execute(inserted).scalars())
    return [row for row in rows if row.id in ids]


def save_cursors(connection: Connection, moves: Moves) -> None:
    """Move the jobs to their next slots."""
    rows = [{"row_id": job_id, **cursor_values(cursor)} for job_id, cursor in moves]
    if rows:
        run_many(connection, _UPDATE_JOB, rows)


def save_sweep(connection: Connection, chain_id: ChainId, swept_to: int) -> None:
    """Note how far a chain was swept."""
    upsert(connection, tables.sweeps, [{"chain_id": chain_id, "swept_to": swept_to}])


def _save_reservations(connection: Connection, changed: dict[tuple[int, str], Held | None]) -> None:
    kept = [reservation_values(*key, held) for key, held in changed.items() if held is not None]
    gone = [{"owner": owner, "key": key} for (owner, key), held in changed.items() if held is None]
    if kept:
        upsert(connection, tables.reservations, kept)
    if gone:
        run_many(connection, _DELETE_RESERVATION, gone)


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write rows whole, be they there already or not."""
    run_many(connection, _upsert_statement(table, connection.dialect.name), rows)


@cache
def _upsert_statement(table: Table, dialect: str) -> UpdateBase:
    statement = _insert(table, dialect)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


@cache
def _insert_new_occurrence(dialect: str) -> UpdateBase:
    return _insert(tables.occurrences, dialect).on_conflict_do_nothing(index_elements=["job_id", "slot"])


def _insert(table: Table, dialect: str) -> "sqlite.Insert | postgresql.Insert":
    if dialect != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
