"""A nonce that somebody else used: nobody knows which slot that paid."""

from agent.domain.journal_step import holds_lane
from agent.domain.lane_history import LANE_AHEAD, SKEW_S
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.rebuild import OPEN
from agent.ports import Journal


async def doubted(journal: Journal, occurrence: Occurrence, final: Timestamp, now: Timestamp) -> None:
    """Hold every other run of the job that nothing is signed for: the foreign operation may have paid it.

    It may be our own, signed for a later slot before an old copy of the journal was put back. Slots due after
    the `final` block, which has it, cannot be what it paid; those due before that come in later are held too.
    """
    why = f"somebody else used the nonce of slot {occurrence.slot}"
    await journal.doubt(occurrence.job_id, Timestamp(final + SKEW_S), why, now)
    reason = f"{why}, which may have paid this one"
    for row in await journal.occurrences(OPEN, occurrence.job_id):
        if row.id == occurrence.id or row.code == LANE_AHEAD or holds_lane(row):
            continue
        if row.state is State.HELD:
            row = await journal.record(change_of(row, Event.RELEASE, now, reason=reason))  # noqa: PLW2901 - the same run
        await journal.record(change_of(row, Event.HOLD, now, code=LANE_AHEAD, reason=reason))
