"""Load the rows that a batch of changes needs, each kind in one statement."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, or_, select

from agent.adapters.journal.command import Append, Record
from agent.adapters.journal.hash_chain import Tail
from agent.adapters.journal.image import Image
from agent.adapters.journal.record import moves_lane
from agent.adapters.sql import tables
from agent.adapters.sql.rows import held_from_row, job_from_row, occurrence_from_row
from agent.domain.journal import Change
from agent.domain.journal_step import COUNTS, RELEASES, UNCOUNTS
from agent.domain.states import IN_FLIGHT, Event, State
from agent.domain.units import Hash32

JOBS = select(
    tables.jobs,
    *(column for column in tables.lanes.c if column.name != "job_id"),
).join_from(tables.jobs, tables.lanes)

_WITH_PAUSE = select(tables.occurrences, tables.jobs.c.paused).join_from(tables.occurrences, tables.jobs)
_MAY_HOLD = [state.value for state in (State.PLANNED, State.HELD, *sorted(IN_FLIGHT))]
_TOUCHES_RESERVATIONS = RELEASES | COUNTS | UNCOUNTS
_TAIL = (
    select(tables.entries.c.sequence, tables.entries.c.digest)
    .order_by(tables.entries.c.sequence.desc())
    .limit(1)
)


def load_tail(connection: Connection) -> Tail:
    """Return the end of the hash chain, read inside the write transaction."""
    row = connection.execute(_TAIL).one_or_none()
    return Tail() if row is None else Tail(row.sequence, row.digest)


def load_jobs(connection: Connection, image: Image, job_ids: Iterable[str] | None = None) -> None:
    """Put these jobs, or all, into the image."""
    query = JOBS if job_ids is None else JOBS.where(tables.jobs.c.job_id.in_(sorted(job_ids)))
    for row in connection.execute(query):
        image.jobs[row.job_id] = job_from_row(row)


def load_for_changes(connection: Connection, tail: Tail, commands: Sequence[Record | Append]) -> Image:
    """Return an image with every row that these changes read or write."""
    image = Image(tail)
    changes = [command.change for command in commands]
    ids = {change.occurrence_id for change in changes}
    _load_occurrences(connection, image, ids)
    _load_lanes(connection, image, changes)
    _load_reservations(connection, image, changes)
    _load_hashes(connection, image, commands)
    return image


def _load_occurrences(connection: Connection, image: Image, ids: set[int]) -> None:
    query = _WITH_PAUSE.where(tables.occurrences.c.id.in_(sorted(ids)))
    for row in connection.execute(query).all():
        occurrence = image.load_occurrence(occurrence_from_row(row))
        if row[-1]:
            image.paused.add(occurrence.job_id)


def _load_lanes(connection: Connection, image: Image, changes: Sequence[Change]) -> None:
    moved = _jobs_of(image, (change for change in changes if moves_lane(change)))
    planned = _jobs_of(image, (change for change in changes if change.event is Event.PLAN))
    if moved or planned:
        load_jobs(connection, image, moved | planned)
    if not planned:
        return
    query = select(tables.occurrences).where(
        tables.occurrences.c.job_id.in_(sorted(planned)), tables.occurrences.c.state.in_(_MAY_HOLD)
    )
    for row in connection.execute(query):
        image.load_occurrence(occurrence_from_row(row))


def _jobs_of(image: Image, changes: Iterable[Change]) -> set[str]:
    rows = (image.occurrences.get(change.occurrence_id) for change in changes)
    return {row.job_id for row in rows if row is not None}


def _load_reservations(connection: Connection, image: Image, changes: Sequence[Change]) -> None:
    keys = {reservation.limit_key for change in changes for reservation in change.reservations or ()}
    owners = {change.occurrence_id for change in changes if _touches_reservations(change)}
    if not owners:
        return
    table = tables.reservations
    query = select(table).where(
        or_(table.c.limit_key.in_(sorted(keys)), table.c.occurrence_id.in_(sorted(owners)))
    )
    for row in connection.execute(query):
        image.load_reservation(row.occurrence_id, row.limit_key, held_from_row(row))


def _touches_reservations(change: Change) -> bool:
    return change.reservations is not None or change.event in _TOUCHES_RESERVATIONS


def _load_hashes(connection: Connection, image: Image, commands: Sequence[Record | Append]) -> None:
    hashes: set[Hash32] = set()
    for command in commands:
        if isinstance(command, Append):
            hashes.add(command.signed.user_op_hash)
        if command.change.inclusion is not None:
            hashes.add(command.change.inclusion.user_op_hash)
    if not hashes:
        return
    table = tables.operations
    query = select(table.c.user_op_hash, table.c.occurrence_id).where(
        table.c.user_op_hash.in_([bytes(one) for one in hashes])
    )
    for row in connection.execute(query):
        image.hashes[Hash32(row.user_op_hash)] = row.occurrence_id
