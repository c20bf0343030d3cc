"""Turn due jobs into occurrences, and move their cursors."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from agent.adapters.journal.command import Claim
from agent.adapters.journal.hash_chain import Note
from agent.domain.errors import Bug
from agent.domain.journal import Enrolment, JobCursor, JobRow, NewOccurrence
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp

FIRST_VERSION = 1
CLAIMED = "due"
DOUBTED = "an operation of its lane that the journal does not know may have paid it"
_AT_ONCE = Timestamp(0)
Moves = list[tuple[str, JobCursor | None]]
"""Jobs and their next slots."""


def is_due(row: JobRow, now: Timestamp) -> bool:
    """Say whether the job is to be armed."""
    cursor = row.enrolment.cursor
    return row.active and not row.paused and cursor is not None and cursor.due_at <= now


def due_order(row: JobRow) -> tuple[int, str]:
    """Sort key: the longest due first."""
    cursor = row.enrolment.cursor
    return (0 if cursor is None else cursor.due_at), row.enrolment.job_id


def arm_all(jobs: Iterable[JobRow], command: Claim, first_id: int) -> tuple[Moves, list[Occurrence]]:
    """Return where the cursors move, and the occurrences that are new unless their slot exists."""
    moves: Moves = []
    fresh: list[Occurrence] = []
    for job in jobs:
        armed = command.arm(job)
        moves.append((job.enrolment.job_id, armed.cursor))
        for new in armed.occurrences:
            row = _occurrence(job.enrolment, new, first_id + len(fresh), command.now)
            fresh.append(doubted(row, job))
    return moves, fresh


def claim_note(rows: Sequence[Occurrence], at: Timestamp) -> Note:
    """Return what the hash chain says of a claim: one row for all, for a burst has thousands."""
    runs = [(row.id, row.job_id, row.slot, row.ordinal, row.due_at, row.state, row.code) for row in rows]
    return Note(at, CLAIMED, {"runs": runs})


def claimed_states(data: str) -> dict[int, str]:
    """Return the state in which each occurrence of a claim's row began."""
    return {run[0]: run[5] for run in orjson.loads(data)["runs"]}


def unclaimed(rows: Sequence[Occurrence], slots: dict[tuple[str, str], int]) -> list[Occurrence]:
    """Return those whose (job, slot) is new, each slot once."""
    return [row for row in rows if slots.setdefault((row.job_id, row.slot), row.id) == row.id]


def doubted(row: Occurrence, job: JobRow) -> Occurrence:
    """Return a new occurrence, held where what its lane did before may have paid it."""
    if row.state is not State.DUE or row.due_at > job.doubtful_until:
        return row
    return replace(row, state=State.HELD, held_from=State.DUE, code=LANE_AHEAD, reason=DOUBTED)


def born_held_from(state: str) -> str | None:
    """Return the state that an occurrence was held from when it began in this one."""
    return State.DUE.value if state == State.HELD.value else None


def _occurrence(job: Enrolment, new: NewOccurrence, occurrence_id: int, now: Timestamp) -> Occurrence:
    if new.state is not State.DUE and new.state is not State.SKIPPED:
        raise Bug(f"a new occurrence is due or skipped, not {new.state}")
    return Occurrence(
        occurrence_id,
        job.job_id,
        new.slot,
        new.ordinal,
        new.due_at,
        new.state,
        0,
        FIRST_VERSION,
        job.chain_id,
        job.account,
        None,
        new.code,
        new.reason,
        _AT_ONCE,
        None,
        None,
        None,
        False,  # noqa: FBT003 - by position, which a burst of thousands feels
        now,
        now,
    )
