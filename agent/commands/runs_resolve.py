"""A person decides what became of a run that the agent may not decide about."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.errors import Refused
from agent.domain.journal import Change, JobRow
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, Event, State
from agent.domain.units import Timestamp
from agent.erc4337.calldata import nonce_call
from agent.erc4337.nonce import split_nonce
from agent.ports import Block, ChainReader, Journal


class NotResolvable(Refused):
    """The run needs no decision, or none may be taken yet."""

    code = "not_resolvable"


class StillInFlight(Refused):
    """An operation signed for the run may still land: a decision now could pay twice."""

    code = "still_in_flight"
    remedy = (
        "wait until the operation is included or void; or let the owner raise the lane's nonce "
        "(EntryPoint incrementNonce) or remove the session, and resolve when that is final"
    )


@dataclass(frozen=True, slots=True)
class Lane:
    """A job's lane at one final block."""

    sequence: int
    block: Block


async def resolve_run(
    journal: Journal, chain: ChainReader, occurrence_id: int, at: Timestamp, *, paid: bool, reason: str
) -> Occurrence:
    """Record a person's decision; raises NotFound, NotResolvable, StillInFlight, ChainUnavailable."""
    occurrence = await journal.occurrence(occurrence_id)
    row = await journal.job(occurrence.job_id)
    operations = await journal.operations(occurrence_id)
    lane = await _final_lane(chain, row)
    check(occurrence, operations, lane, reason)
    event = Event.RESOLVE_PAID if paid else Event.RESOLVE_UNPAID
    change = Change(
        occurrence.id,
        occurrence.version,
        event,
        at,
        code="resolved_paid" if paid else "resolved_unpaid",
        reason=reason,
        lane_next=lane_after(occurrence, row.next_sequence, lane.sequence),
        facts={"final_block": str(lane.block.number), "lane": str(lane.sequence)},
    )
    return await journal.record(change)


def check(occurrence: Occurrence, operations: Sequence[JournaledOperation], lane: Lane, reason: str) -> None:
    """Raise unless the run waits for a person and nothing signed for it can land any more."""
    if occurrence.state not in WAITS_FOR_PERSON:
        raise NotResolvable(
            f"run {occurrence.id} is {occurrence.state}: only held and foreign runs wait for a person"
        )
    if not reason.strip():
        raise NotResolvable("a decision needs a reason: --reason TEXT")
    pending = [operation for operation in operations if not _is_over(operation, lane)]
    if pending:
        raise StillInFlight(
            f"operation {pending[-1].user_op_hash} has sequence {pending[-1].nonce.sequence}; at final block "
            f"{lane.block.number} the lane is at {lane.sequence}"
        )


def lane_after(occurrence: Occurrence, known: int, final: int) -> int:
    """Return the lane's next sequence after a person's word, which covers the run's own sequence alone.

    What else the chain shows of the lane may have paid other slots: its past is read before it is planned on.
    """
    own = 0 if occurrence.nonce is None else occurrence.nonce.sequence + 1
    return max(known, min(own, final))


def _is_over(operation: JournaledOperation, lane: Lane) -> bool:
    void = operation.valid_until is not None and operation.valid_until < lane.block.timestamp
    return void or operation.nonce.sequence < lane.sequence


async def _final_lane(chain: ChainReader, row: JobRow) -> Lane:
    enrolment = row.enrolment
    block = await chain.finalized()
    word = await chain.call(
        enrolment.entry_point, nonce_call(enrolment.account, enrolment.nonce_key), block.number
    )
    _, sequence = split_nonce(int.from_bytes(word, "big"))
    return Lane(sequence, block)


async def release_run(journal: Journal, occurrence_id: int, at: Timestamp, *, reason: str) -> Occurrence:
    """Let a held run go on where it was held; raises NotFound, NotResolvable.

    What was signed for it is sent again as it is; what was not is decided anew.
    """
    occurrence = await journal.occurrence(occurrence_id)
    if occurrence.state is not State.HELD:
        raise NotResolvable(f"run {occurrence.id} is {occurrence.state}: only a held run can be released")
    if occurrence.code == LANE_AHEAD:
        raise NotResolvable(
            f"run {occurrence.id} may be paid already: look at the account's payments, then: runs resolve"
        )
    if occurrence.held_from in TERMINAL:
        raise NotResolvable(
            f"run {occurrence.id} ended in a block that left the chain: look what the chain has of it now, "
            "then: runs resolve"
        )
    if not reason.strip():
        raise NotResolvable("a release needs a reason: --reason TEXT")
    change = Change(
        occurrence.id,
        occurrence.version,
        Event.RELEASE,
        at,
        code="released",
        reason=reason,
        not_before=at,
    )
    return await journal.record(change)
