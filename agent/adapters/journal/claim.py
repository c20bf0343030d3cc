"""Turn due jobs into occurrences, and move their cursors."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.adapters.journal.command import Claim
from agent.adapters.journal.hash_chain import Note
from agent.domain.errors import Bug
from agent.domain.journal import JobRow, NewOccurrence
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp

FIRST_VERSION = 1


def is_due(row: JobRow, now: Timestamp) -> bool:
    """Say whether the job is to be armed."""
    cursor = row.enrolment.cursor
    return row.active and not row.paused and cursor is not None and cursor.due_at <= now


def due_order(row: JobRow) -> tuple[int, str]:
    """Sort key: the longest due first."""
    cursor = row.enrolment.cursor
    return (0 if cursor is None else cursor.due_at), row.enrolment.job_id


def arm_all(jobs: Iterable[JobRow], command: Claim, first_id: int) -> tuple[list[JobRow], list[Occurrence]]:
    """Return the jobs with their cursors moved, and the occurrences that are new unless their slot exists."""
    moved: list[JobRow] = []
    fresh: list[Occurrence] = []
    for job in jobs:
        armed = command.arm(job)
        moved.append(replace(job, enrolment=replace(job.enrolment, cursor=armed.cursor)))
        for new in armed.occurrences:
            fresh.append(_occurrence(job, new, first_id + len(fresh), command.now))
    return moved, fresh


def claim_note(row: Occurrence) -> Note:
    """Return what the hash chain says of a new occurrence."""
    data = {
        "job": row.job_id,
        "slot": row.slot,
        "ordinal": row.ordinal,
        "due_at": row.due_at,
        "version": row.version,
    }
    if row.code or row.reason:
        data |= {"code": row.code, "reason": row.reason}
    return Note(row.created_at, "due", data, row.id, "", row.state.value)


def unclaimed(rows: Sequence[Occurrence], slots: dict[tuple[str, str], int]) -> list[Occurrence]:
    """Return those whose (job, slot) is new, each slot once."""
    return [row for row in rows if slots.setdefault((row.job_id, row.slot), row.id) == row.id]


def _occurrence(job: JobRow, new: NewOccurrence, occurrence_id: int, now: Timestamp) -> Occurrence:
    if new.state not in (State.DUE, State.SKIPPED):
        raise Bug(f"a new occurrence is due or skipped, not {new.state}")
    return Occurrence(
        id=occurrence_id,
        job_id=job.enrolment.job_id,
        slot=new.slot,
        ordinal=new.ordinal,
        due_at=new.due_at,
        state=new.state,
        attempt=0,
        version=FIRST_VERSION,
        chain_id=job.enrolment.chain_id,
        account=job.enrolment.account,
        code=new.code,
        reason=new.reason,
        created_at=now,
        updated_at=now,
    )
