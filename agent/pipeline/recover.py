"""Before anything new: take up whatever an earlier run left open."""

from collections.abc import Mapping

from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, Event, State
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.follow import Flight

OPEN_STATES = tuple(state for state in State if state not in TERMINAL)
TO_SETTLE = (State.FINAL_OK, State.FAILED, State.CANCELLED)


async def recover(services: Services) -> tuple[Occurrence, ...]:
    """Return every open occurrence, ready to go on from its state.

    DUE and CLAIMED had no effect yet. PLANNED signed nothing, so its sequence is free again. SIGNED and later
    may be on chain: `follow` looks there first and only then sends the same bytes. What ended and was not
    settled still holds its reservations.
    """
    left = await services.journal.occurrences(states=OPEN_STATES)
    ended = await services.journal.occurrences(states=TO_SETTLE, settled=False)
    unsettled = [row for row in ended if row.user_op_hash is not None]
    taken_up = [await unplan(services, row) if row.state is State.PLANNED else row for row in left]
    return (*unsettled, *taken_up)


async def unplan(services: Services, occurrence: Occurrence) -> Occurrence:
    """Give the nonce and the reservations of a plan back that was interrupted before it was signed."""
    change = change_of(
        occurrence,
        Event.UNPLAN,
        await services.clock.now(),
        code="interrupted",
        reason="the work on it ended before anything was signed",
        reservations=(),
    )
    return await services.journal.record(change)


async def flight(services: Services, jobs: Mapping[str, JobContext], occurrence: Occurrence) -> Flight | None:
    """Return the occurrence with its signed bytes; None when its job is not loaded or nothing is signed."""
    job = jobs.get(occurrence.job_id)
    if job is None:
        return None
    operations = await services.journal.operations(occurrence.id)
    if occurrence.nonce is None:
        return None
    mine = tuple(item for item in operations if item.nonce == occurrence.nonce)
    return Flight(occurrence, mine, job) if mine else None
