"""Load the rows that a batch of changes needs, each kind in one statement."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, or_, select

from agent.adapters.journal.command import Append, Record
from agent.adapters.journal.hash_chain import Tail
from agent.adapters.journal.image import Image
from agent.adapters.journal.record import moves_lane
from agent.adapters.sql import tables
from agent.adapters.sql.bulk import fetch_all
from agent.adapters.sql.hold_rows import load_holds
from agent.adapters.sql.rows import held_from_row, job_from_row, number, occurrence_from_row
from agent.domain.budget import counted_by_agent
from agent.domain.journal import Change
from agent.domain.journal_step import COUNTS, LEAVES, RELEASES, UNCOUNTS
from agent.domain.states import IN_FLIGHT, Event, State
from agent.domain.units import Hash32

JOBS = select(
    tables.jobs,
    *(column for column in tables.lanes.c if column.name != "job_id"),
).join_from(tables.jobs, tables.lanes)

# Statements are made once, and lists of values bound to them: making one takes SQLAlchemy longer than SQLite
# takes to run it.
_JOBS_OF = JOBS.where(tables.jobs.c.job_id.in_(bindparam("jobs", expanding=True)))
_WITH_PAUSE = (
    select(tables.occurrences, tables.jobs.c.paused)
    .join_from(tables.occurrences, tables.jobs)
    .where(tables.occurrences.c.id.in_(bindparam("ids", expanding=True)))
)
_MAY_HOLD = [state.value for state in (State.PLANNED, State.HELD, *sorted(IN_FLIGHT))]
_LANE_HOLDERS = select(tables.occurrences).where(
    tables.occurrences.c.job_id.in_(bindparam("jobs", expanding=True)),
    tables.occurrences.c.state.in_(_MAY_HOLD),
)
_RESERVATIONS = select(tables.reservations).where(
    or_(
        tables.reservations.c.limit_key.in_(bindparam("keys", expanding=True)),
        tables.reservations.c.occurrence_id.in_(bindparam("owners", expanding=True)),
    )
)
_HASHES = select(tables.operations.c.user_op_hash, tables.operations.c.occurrence_id).where(
    tables.operations.c.user_op_hash.in_(bindparam("hashes", expanding=True))
)
_TOUCHES_RESERVATIONS = RELEASES | COUNTS | UNCOUNTS
_TAIL = (
    select(tables.entries.c.sequence, tables.entries.c.digest)
    .order_by(tables.entries.c.sequence.desc())
    .limit(1)
)


def load_tail(connection: Connection) -> Tail:
    """Return the end of the hash chain, read inside the write transaction."""
    rows = fetch_all(connection, _TAIL, {})
    return Tail(*rows[0]) if rows else Tail()


def load_jobs(connection: Connection, image: Image, job_ids: Iterable[str] | None = None) -> None:
    """Put these jobs, or all, into the image."""
    found = (
        connection.execute(JOBS)
        if job_ids is None
        else connection.execute(_JOBS_OF, {"jobs": sorted(job_ids)})
    )
    for row in found:
        image.jobs[row.job_id] = job_from_row(row)


def load_for_changes(connection: Connection, tail: Tail, commands: Sequence[Record | Append]) -> Image:
    """Return an image with every row that these changes read or write."""
    image = Image(tail)
    changes = [command.change for command in commands]
    ids = {change.occurrence_id for change in changes}
    _load_occurrences(connection, image, ids)
    _load_holds(connection, image, changes)
    _load_lanes(connection, image, changes)
    _load_reservations(connection, image, changes)
    _load_hashes(connection, image, commands)
    return image


def _load_occurrences(connection: Connection, image: Image, ids: set[int]) -> None:
    for row in connection.execute(_WITH_PAUSE, {"ids": sorted(ids)}).all():
        occurrence = image.load_occurrence(occurrence_from_row(row))
        if row[-1]:
            image.paused.add(occurrence.job_id)


def _load_holds(connection: Connection, image: Image, changes: Sequence[Change]) -> None:
    leaving = [change for change in changes if change.event in LEAVES]
    if not leaving:
        return
    load_holds(connection, image)
    if image.held:
        # Which sessions a job signs under stands in its row.
        load_jobs(connection, image, _jobs_of(image, leaving))


def _load_lanes(connection: Connection, image: Image, changes: Sequence[Change]) -> None:
    moved = _jobs_of(image, (change for change in changes if moves_lane(change)))
    planned = _jobs_of(image, (change for change in changes if change.event is Event.PLAN))
    if moved or planned:
        load_jobs(connection, image, moved | planned)
    if not planned:
        return
    for row in connection.execute(_LANE_HOLDERS, {"jobs": sorted(planned)}):
        image.load_occurrence(occurrence_from_row(row))


def _jobs_of(image: Image, changes: Iterable[Change]) -> set[str]:
    rows = (image.occurrences.get(change.occurrence_id) for change in changes)
    return {row.job_id for row in rows if row is not None}


def _load_reservations(connection: Connection, image: Image, changes: Sequence[Change]) -> None:
    keys = {reservation.limit_key for change in changes for reservation in change.reservations or ()}
    owners = {change.occurrence_id for change in changes if _touches_reservations(change)}
    load_spent(connection, image, {use.limit_key for change in changes for use in change.lane_uses})
    if not owners:
        return
    for row in connection.execute(_RESERVATIONS, {"keys": sorted(keys), "owners": sorted(owners)}):
        image.load_reservation(row.occurrence_id, row.limit_key, held_from_row(row))
    load_spent(connection, image, {key for key in keys | set(image.reservations) if counted_by_agent(key)})


def load_spent(connection: Connection, image: Image, limit_keys: set[str]) -> None:
    """Put what was spent of these limits into the image."""
    if not limit_keys:
        return
    table = tables.spent
    for row in connection.execute(select(table).where(table.c.limit_key.in_(sorted(limit_keys)))):
        image.spent[row.limit_key] = number(row.amount)


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
    for row in connection.execute(_HASHES, {"hashes": [bytes(one) for one in hashes]}):
        image.hashes[Hash32(row.user_op_hash)] = row.occurrence_id
