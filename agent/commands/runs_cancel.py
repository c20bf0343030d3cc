"""A person wants a run not to pay any more: end it while nothing is signed, else ask for a cancel."""

from agent.commands.runs_resolve import NotResolvable
from agent.domain.journal import Change
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.ports import Journal

CODE = "cancelled_by_person"


async def cancel_run(journal: Journal, occurrence_id: int, at: Timestamp, *, reason: str) -> Occurrence:
    """Skip a run that nothing is signed for, or ask the worker to cancel one that was sent.

    The request stands in the journal: a running worker acts on it at its next look at the chain, else the
    next one that starts. Raises NotFound, NotResolvable, and StaleRecord when the run moved meanwhile.
    """
    if not reason.strip():
        raise NotResolvable("a cancel needs a reason: --reason TEXT")
    occurrence = await journal.occurrence(occurrence_id)
    if occurrence.state in (State.DUE, State.CLAIMED):
        return await journal.record(_change(occurrence, Event.SKIP, at, CODE, reason))
    # A hold gives way in the record of the request itself: cut off, nothing was let go.
    if State.SENT not in (occurrence.state, occurrence.held_from):
        raise NotResolvable(_why_not(occurrence))
    return await journal.record(_change(occurrence, Event.ASK_CANCEL, at, CANCEL_ASKED, reason))


def _change(occurrence: Occurrence, event: Event, at: Timestamp, code: str, reason: str) -> Change:
    return Change(occurrence.id, occurrence.version, event, at, code=code, reason=reason, not_before=at)


def _why_not(occurrence: Occurrence) -> str:
    if occurrence.state in (State.PLANNED, State.SIGNED):
        return f"run {occurrence.id} is {occurrence.state}: it is sent this moment, ask again"
    if occurrence.state is State.HELD:
        return f"run {occurrence.id} is held and nothing of it is out: sessionkeeper runs resolve"
    return f"run {occurrence.id} is {occurrence.state}: there is nothing left to cancel"
