"""Decide what the chain's evidence means for an operation in flight. Pure: the table is `domain.states`."""

from dataclasses import dataclass

from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event, State
from agent.domain.units import Timestamp

CONFIRMATIONS = 3
"""Blocks above the failure of a kind that is safe to repeat, before it is tried again."""

NOBODY_KNOWS = "its job is not in the files, so nobody can tell whether it delivered what it was for"

CANCELLED = "a cancel of ours used its nonce for good: nothing was done"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What our own node says, all of it read after the same head."""

    inclusion: Inclusion | None
    """Where one of the occurrence's hashes stands in the logs now."""
    final_sequence: int
    """The lane's sequence at the finalized block."""
    final_block: int
    final_timestamp: Timestamp
    head_timestamp: Timestamp = Timestamp(0)
    sure_block: int | None = None
    """Up to where a failure counts as final, of a kind that is safe to repeat; None: `final_block`."""


@dataclass(frozen=True, slots=True)
class Happened:
    """This event is due."""

    event: Event
    inclusion: Inclusion | None = None
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Resend:
    """Nothing is known and it has been quiet long enough: the same bytes again."""


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Nothing new."""


Verdict = Happened | Resend | KeepWaiting


def judge(
    occurrence: Occurrence, operations: tuple[JournaledOperation, ...], evidence: Evidence, now: Timestamp
) -> Verdict:
    """Return what happened to an occurrence that is SIGNED, SENT or INCLUDED."""
    if occurrence.state in (State.INCLUDED_OK, State.INCLUDED_FAIL):
        return _included(occurrence, evidence)
    if evidence.inclusion is not None:
        if _cancels(operations, evidence.inclusion):
            return _cancelled(evidence.inclusion, evidence)
        event = Event.SEE_OK if evidence.inclusion.success else Event.SEE_FAIL
        return Happened(event, evidence.inclusion)
    return _unseen(occurrence, operations, evidence, now)


def _cancels(operations: tuple[JournaledOperation, ...], inclusion: Inclusion) -> bool:
    return any(item.cancels and item.user_op_hash == inclusion.user_op_hash for item in operations)


def _cancelled(inclusion: Inclusion, evidence: Evidence) -> Verdict:
    # Whether it succeeded does not matter: its nonce is used. Until that is final the payment may come back.
    if inclusion.block_number > evidence.final_block:
        return KeepWaiting()
    return Happened(Event.SEE_CANCEL, inclusion, "cancelled", CANCELLED)


def _included(occurrence: Occurrence, evidence: Evidence) -> Verdict:
    known, seen = occurrence.inclusion, evidence.inclusion
    if known is None or seen is None or seen.block_hash != known.block_hash:
        return Happened(Event.REORG, code="reorg", reason="its block left the chain")
    if known.block_number > _final_for(known, evidence):
        return KeepWaiting()
    return at_finality(known)


def _final_for(known: Inclusion, evidence: Evidence) -> int:
    if known.success or evidence.sure_block is None:
        return evidence.final_block
    return max(evidence.final_block, evidence.sure_block)


def at_finality(known: Inclusion) -> Happened:
    """Return what becomes of an inclusion whose block is final."""
    if not known.success or known.delivered:
        return Happened(Event.FINALIZE, known)
    if known.delivered is None:
        return Happened(Event.HOLD, known, "delivery_unknown", known.why or NOBODY_KNOWS)
    return Happened(Event.HOLD, known, "not_delivered", known.why)


def _unseen(
    occurrence: Occurrence,
    operations: tuple[JournaledOperation, ...],
    evidence: Evidence,
    now: Timestamp,
) -> Verdict:
    nonce = occurrence.nonce
    if nonce is not None and evidence.final_sequence > nonce.sequence:
        reason = f"sequence {nonce.sequence} is used at a final block, by no operation of ours"
        return Happened(Event.SEE_FOREIGN, code="foreign_nonce", reason=reason)
    if all(is_void(operation, evidence.final_timestamp) for operation in operations):
        return Happened(Event.VOID, code="expired", reason="its time window ended before it was included")
    if now >= occurrence.not_before:
        return Resend()
    return KeepWaiting()


def is_void(operation: JournaledOperation, final_timestamp: Timestamp) -> bool:
    """Say whether no later block can include it."""
    return operation.valid_until is not None and operation.valid_until < final_timestamp
