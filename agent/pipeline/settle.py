"""Close the books of a finished occurrence, or open its next attempt. Pure."""

from collections.abc import Sequence

from agent.domain.job import JobDefinition
from agent.domain.journal import Change
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.schedule import grace_start, next_attempt
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of

REASON_LADDER = "the retry ladder has no attempt left"
REASON_CANCEL = "it was to be cancelled: nothing was done, and nothing is tried again"
LADDER = frozenset({State.FINAL_FAIL, State.EXPIRED})
"""States after which there may be another attempt."""


def after_the_end(
    job: JobDefinition, occurrence: Occurrence, now: Timestamp, operations: Sequence[JournaledOperation] = ()
) -> Change | None:
    """Return what follows FINAL_FAIL, EXPIRED and unsettled ends; None when nothing does.

    A sequence rises only here, and only after a failure that is final. `operations` are those signed for the
    run: what was to be cancelled is not tried again.
    """
    if occurrence.state not in LADDER:
        return settlement(occurrence, now)
    if occurrence.code == CANCEL_ASKED or any(operation.cancels for operation in operations):
        return change_of(occurrence, Event.GIVE_UP, now, code="cancelled", reason=REASON_CANCEL)
    return _next_attempt(job, occurrence, now)


def settlement(occurrence: Occurrence, now: Timestamp) -> Change | None:
    """Return what closes the books of an unsettled end; None when they are closed or it goes on."""
    if occurrence.state in (State.FINAL_OK, State.FAILED, State.CANCELLED) and not occurrence.settled:
        return change_of(occurrence, Event.SETTLE, now, reservations=())
    return None


def _next_attempt(job: JobDefinition, occurrence: Occurrence, now: Timestamp) -> Change:
    begins = grace_start(job.catch_up, occurrence.due_at, occurrence.created_at)
    at = next_attempt(job.retry, begins, occurrence.attempt, occurrence.updated_at, now)
    if at is None:
        return change_of(occurrence, Event.GIVE_UP, now, code="attempts_ended", reason=REASON_LADDER)
    return change_of(occurrence, Event.RETRY, now, not_before=at, reservations=())
