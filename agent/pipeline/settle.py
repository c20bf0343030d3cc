"""Close the books of a finished occurrence, or open its next attempt. Pure."""

from agent.domain.job import JobDefinition
from agent.domain.journal import Change
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import grace_start, next_attempt
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of

REASON_LADDER = "the retry ladder has no attempt left"


def after_the_end(job: JobDefinition, occurrence: Occurrence, now: Timestamp) -> Change | None:
    """Return what follows FINAL_FAIL, EXPIRED and unsettled ends; None when nothing does.

    A sequence rises only here, and only after a failure that is final.
    """
    if occurrence.state in (State.FINAL_FAIL, State.EXPIRED):
        return _next_attempt(job, occurrence, now)
    if occurrence.state in (State.FINAL_OK, State.FAILED, State.CANCELLED) and not occurrence.settled:
        return change_of(occurrence, Event.SETTLE, now, reservations=())
    return None


def _next_attempt(job: JobDefinition, occurrence: Occurrence, now: Timestamp) -> Change:
    begins = grace_start(job.catch_up, occurrence.due_at, occurrence.created_at)
    at = next_attempt(job.retry, begins, occurrence.attempt, occurrence.updated_at, now)
    if at is None:
        return change_of(occurrence, Event.GIVE_UP, now, code="attempts_ended", reason=REASON_LADDER)
    return change_of(occurrence, Event.RETRY, now, not_before=at, reservations=())
