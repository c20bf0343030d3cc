"""Watched jobs: their rows read and written, and their firings."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from agent.adapters.journal.command import Fire
from agent.adapters.journal.fire import Known, again_from, again_text, fire, memory_from, memory_text
from agent.adapters.journal.image import Image
from agent.adapters.sql import tables
from agent.adapters.sql.bulk import Values
from agent.adapters.sql.hold_rows import load_holds
from agent.adapters.sql.load import load_jobs
from agent.adapters.sql.rows import STATES, Record
from agent.adapters.sql.save import newest_id, save_new, upsert
from agent.domain.firing import Seen, StateSum, TriggerRow, firings_from, why_stopped
from agent.domain.occurrence import Occurrence
from agent.domain.units import Hash32

MOST_VALUES = 500
"""In one statement."""


def triggers(connection: Connection, job_ids: Sequence[str]) -> dict[str, TriggerRow]:
    """Return these jobs as watched ones, those that are enrolled."""
    image, seen, sums = Image(), dict[str, Seen](), dict[str, list[StateSum]]()
    load_holds(connection, image)
    for some in _pieces(job_ids):
        load_jobs(connection, image, some)
        found = connection.execute(select(tables.triggers).where(tables.triggers.c.job_id.in_(some)))
        seen |= {row.job_id: _seen(row) for row in found}
        for job_id, one in _sums(connection, some):
            sums.setdefault(job_id, []).append(one)
    return {
        job_id: TriggerRow(
            seen.get(job_id, Seen(job_id)), firings_from(sums.get(job_id, ())), why_stopped(row, image.held)
        )
        for job_id, row in image.jobs.items()
    }


def fire_all(connection: Connection, image: Image, command: Fire) -> tuple[Occurrence | None, ...]:
    """Make the occurrences of the firings that may be, and keep what their jobs saw."""
    load_holds(connection, image)
    for some in _pieces({firing.job_id for firing in command.firings}):
        load_jobs(connection, image, some)
    known = _known(connection, command)
    rows = fire(image, command, known, newest_id(connection) + 1)
    made = [row for row in rows if row is not None]
    save_new(connection, made)
    save_seen(
        connection,
        [firing.seen for firing, row in zip(command.firings, rows, strict=True) if row is not None],
    )
    return rows


def remember(connection: Connection, seen: Sequence[Seen]) -> None:
    """Write what jobs saw without firing; who does not know of the newest firing overwrites nothing."""
    newest = _newest(connection, {one.job_id for one in seen if one.fired is not None})
    save_seen(
        connection, [one for one in seen if one.fired is None or newest.get(one.job_id, 0) <= one.fired]
    )


def save_seen(connection: Connection, seen: Sequence[Seen]) -> None:
    """Write what these jobs saw last."""
    if seen:
        upsert(
            connection, tables.triggers, [_values(one) for one in {one.job_id: one for one in seen}.values()]
        )


def _known(connection: Connection, command: Fire) -> Known:
    table = tables.occurrences
    known = Known(_newest(connection, {firing.job_id for firing in command.firings}))
    for some in _pieces({firing.slot for firing in command.firings}):
        query = select(table.c.job_id, table.c.slot).where(table.c.slot.in_(some))
        for few in _pieces(known.newest):
            found = connection.execute(query.where(table.c.job_id.in_(few)))
            known.slots.update((job_id, slot) for job_id, slot in found)
    return known


def _newest(connection: Connection, job_ids: Iterable[str]) -> dict[str, int]:
    newest, table = dict[str, int](), tables.occurrences
    for some in _pieces(job_ids):
        query = select(table.c.job_id, func.max(table.c.ordinal)).where(table.c.job_id.in_(some))
        for job_id, ordinal in connection.execute(query.group_by(table.c.job_id)):
            newest[job_id] = ordinal
    return newest


def _sums(connection: Connection, job_ids: Sequence[str]) -> Iterable[tuple[str, StateSum]]:
    table = tables.occurrences
    query = (
        select(
            table.c.job_id,
            table.c.state,
            func.count(),
            func.max(table.c.ordinal),
            func.max(table.c.updated_at),
        )
        .where(table.c.job_id.in_(job_ids))
        .group_by(table.c.job_id, table.c.state)
    )
    for job_id, state, count, newest, changed_at in connection.execute(query):
        yield job_id, StateSum(STATES[state], count, newest, changed_at)


def _pieces(values: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(values)
    for start in range(0, len(every), MOST_VALUES):
        yield every[start : start + MOST_VALUES]


def _seen(row: Record) -> Seen:
    return Seen(
        job_id=row.job_id,
        memory=memory_from(row.memory),
        block_number=row.block_number,
        block_hash=None if row.block_hash is None else Hash32(row.block_hash),
        kept=memory_from(row.kept),
        code=row.code,
        why=row.why,
        alarm=bool(row.alarm),
        again=again_from(row.again),
        first_block=row.first_block,
        log_block=row.log_block,
    )


def _values(seen: Seen) -> Values:
    return {
        "job_id": seen.job_id,
        "memory": memory_text(seen.memory),
        "block_number": seen.block_number,
        "block_hash": None if seen.block_hash is None else bytes(seen.block_hash),
        "kept": memory_text(seen.kept),
        # PostgreSQL refuses the null character.
        "code": seen.code.replace("\0", ""),
        "why": seen.why.replace("\0", ""),
        "alarm": seen.alarm,
        "again": again_text(seen.again),
        "first_block": seen.first_block,
        "log_block": seen.log_block,
    }
