"""Recognise, before an operation is called foreign, one of ours that this journal never saw."""

from agent.domain.lane_history import LANDING_S, SKEW_S, booked_slots
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.schedule import slots_between
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.confirm import Happened
from agent.pipeline.context import JobContext
from agent.pipeline.lane_reading import operation_at
from agent.pipeline.rebuild import MOST_SLOTS, grace_s
from agent.ports import Journal

REASON = (
    "another operation with the very calls of ours used its nonce: signed before the journal was restored"
)


async def recognised(
    journal: Journal, job: JobContext, occurrence: Occurrence, operations: tuple[JournaledOperation, ...]
) -> Happened | None:
    """Return that an operation with the same nonce and calls paid the run, or None.

    A backup knows the operation that was signed first, and not the raised one that landed. The same calls
    may be for another slot, to which the nonce belonged by the lost journal: the run is recognised only where
    the journal has the payment of every other slot that could have been paid then. A person's word that one
    is paid is no such payment: it may be this very operation that the person saw. Raises ChainUnavailable.
    """
    if occurrence.nonce is None:
        return None
    first_block = min(operation.planned_at_block for operation in operations)
    seen = await operation_at(job, occurrence.nonce.sequence, first_block)
    ours = {operation.operation.call_data for operation in operations if not operation.cancels}
    if seen is None or not seen.event.success or seen.call_data not in ours:
        return None
    block = await job.chain.agreed.block(seen.inclusion.block_number)
    paid = await journal.occurrences((State.FINAL_OK,), occurrence.job_id)
    known = booked_slots(paid, (seen.inclusion.user_op_hash,))
    if _may_be_of_another(job, known | {occurrence.slot}, block.timestamp):
        return None
    return Happened(Event.FOUND, seen.inclusion, "found_on_chain", REASON)


def _may_be_of_another(job: JobContext, known: frozenset[str], at: Timestamp) -> bool:
    """Say whether a slot could have been paid at that time that is none of these."""
    schedule = job.definition.schedule
    if schedule is None:
        # Which firings there were, no calendar tells.
        return True
    earliest = Timestamp(max(at - grace_s(job) - LANDING_S - SKEW_S, 0))
    slots = slots_between(schedule, earliest, Timestamp(at + SKEW_S), MOST_SLOTS)
    return len(slots) == MOST_SLOTS or any(slot.key not in known for slot in slots)
