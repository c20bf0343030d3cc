"""Before anything new: take up whatever an earlier run left open."""

from collections.abc import Mapping, Sequence

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


async def flights(
    services: Services, jobs: Mapping[str, JobContext], occurrences: Sequence[Occurrence]
) -> list[Flight]:
    """Return those occurrences for whose nonce something is signed, with the signed bytes."""
    signed = await services.journal.operations_of([occurrence.id for occurrence in occurrences])
    found = []
    for occurrence in occurrences:
        operations = signed.get(occurrence.id, ())
        mine = tuple(item for item in operations if item.nonce == occurrence.nonce)
        if mine:
            found.append(Flight(occurrence, mine, jobs.get(occurrence.job_id)))
    return found
