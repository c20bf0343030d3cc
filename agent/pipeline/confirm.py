"""Decide what the chain's evidence means for an operation in flight. Pure: the table is `domain.states`."""

from dataclasses import dataclass

from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event, State
from agent.domain.units import Timestamp


@dataclass(frozen=True, slots=True)
class Evidence:
    """What our own node says, all of it read after the same head."""

    inclusion: Inclusion | None
    """Where one of the occurrence's hashes stands in the logs now."""
    final_sequence: int
    """The lane's sequence at the finalized block."""
    final_block: int
    final_timestamp: Timestamp


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
        event = Event.SEE_OK if evidence.inclusion.success else Event.SEE_FAIL
        return Happened(event, evidence.inclusion)
    return _unseen(occurrence, operations, evidence, now)


def _included(occurrence: Occurrence, evidence: Evidence) -> Verdict:
    known, seen = occurrence.inclusion, evidence.inclusion
    if known is None or seen is None or seen.block_hash != known.block_hash:
        return Happened(Event.REORG, code="reorg", reason="its block left the chain")
    if known.block_number > evidence.final_block:
        return KeepWaiting()
    if known.success and known.delivered is not True:
        return Happened(Event.HOLD, code="not_delivered", reason=known.why)
    return Happened(Event.FINALIZE)


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
