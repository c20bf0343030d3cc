"""Follow every operation in flight of one chain, a few requests per head whatever their number."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.domain.call import Call
from agent.domain.errors import JobPaused
from agent.domain.journal import Change
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event, State
from agent.domain.units import Address, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.calldata import nonce_call
from agent.pipeline.cancel import NoCancel
from agent.pipeline.change import change_of
from agent.pipeline.confirm import (
    CONFIRMATIONS,
    Evidence,
    Happened,
    KeepWaiting,
    Resend,
    Verdict,
    at_finality,
    judge,
)
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.doubt import doubted
from agent.pipeline.earlier import counted, earlier_of, found
from agent.pipeline.go_on import OutOfSight, go_on
from agent.pipeline.lane_repair import filled
from agent.pipeline.outcome import with_verdict
from agent.pipeline.receipt import Receipts, inclusions
from agent.pipeline.recognise import recognised
from agent.pipeline.second_look import found_again, on_chain
from agent.pipeline.settle import after_the_end
from agent.pipeline.sponsor import planned_payer
from agent.pipeline.stale import is_stale
from agent.pipeline.token_fee import fee_token, may_take, with_fee
from agent.ports import Block, CallFailed

SEQUENCE_MASK = 2**64 - 1
REFILL_S = 86_400
"""So long the bytes of a failure are good at least, for a gap that a reorg leaves: far beyond finality."""
IMPLIES_EARLIER = frozenset({Event.FINALIZE, Event.HOLD, Event.SEE_CANCEL, Event.SEE_FOREIGN})
"""Ends of a nonce, at finality: so is then whatever became of the nonce before it."""


@dataclass(frozen=True, slots=True)
class Flight:
    """An occurrence whose signed operations may land or be undone."""

    occurrence: Occurrence
    operations: tuple[JournaledOperation, ...]
    job: JobContext | None
    """None when the job left the files: then it is watched to its end, and nothing is sent."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look at the chain did to an occurrence."""

    before: Occurrence
    outcome: Occurrence | BaseException


class LogScan:
    """Remembers up to which final block each occurrence is known not to be in the logs."""

    def __init__(self) -> None:
        self._unseen_to: dict[int, int] = {}

    def first_block(self, flights: Sequence[Flight], depth: int) -> int:
        """Return the first block that may hold anything new about these flights, for a `reorg_depth`."""
        return min(self._first_of(flight, depth) for flight in flights)

    def unseen(self, flights: Sequence[Flight], final_block: int) -> None:
        """Note flights that no block up to the head holds; what is final cannot change any more.

        One that was seen is not noted: should writing it down fail, it must be found again.
        """
        self._unseen_to = {flight.occurrence.id: final_block for flight in flights}

    def _first_of(self, flight: Flight, depth: int) -> int:
        if flight.occurrence.inclusion is not None:
            return flight.occurrence.inclusion.block_number
        planned = min(operation.planned_at_block for operation in flight.operations)
        return max(planned - depth, self._unseen_to.get(flight.occurrence.id, -1) + 1)


def reorg_depth(final: Block, head: Block) -> int:
    """Return how far below the block that an operation was planned at a reorg may have put it.

    Never below what was final then: finality is taken to have lagged at most twice as far as it does now.
    """
    return 2 * max(head.number - final.number, 0)


async def follow(
    services: Services,
    chain: ChainContext,
    flights: Sequence[Flight],
    scan: LogScan,
    *,
    sends: bool = True,
) -> tuple[Followed, ...]:
    """Look at the chain once for all flights and journal what happened; return what changed or failed.

    What is out of sight goes on its way again, except by a look that `sends` nothing.
    Raises ChainUnavailable: then nothing was learned, and nothing is changed.
    """
    if not flights:
        return ()
    evidence = await _evidence(chain, flights, scan)
    look = _Look(services, chain, Receipts(chain.agreed), await services.clock.now(), sends)
    # Together, so that the journal commits them as a group; one that fails does not stop its neighbours.
    outcomes = await asyncio.gather(
        *(_one(look, flight, evidence[flight.occurrence.id]) for flight in flights),
        return_exceptions=True,
    )
    return tuple(
        Followed(flight.occurrence, outcome)
        for flight, outcome in zip(flights, outcomes, strict=True)
        if outcome is not None
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the chain: what it is made with, and when."""

    services: Services
    chain: ChainContext
    receipts: Receipts
    now: Timestamp
    sends: bool


async def _one(look: _Look, flight: Flight, seen: Evidence) -> Occurrence | None:
    verdict = judge(flight.occurrence, flight.operations, seen, look.now)
    if isinstance(verdict, Resend) and not _may_send(look, seen):
        return None
    after = await _act(look, flight, verdict, seen)
    if after is not None and look.chain.kept_limits is not None:
        look.chain.kept_limits.heed(after)
    return after


def _may_send(look: _Look, seen: Evidence) -> bool:
    return look.sends and not is_stale(seen.head_timestamp, look.now, look.chain.max_head_age_s)


async def _evidence(chain: ChainContext, flights: Sequence[Flight], scan: LogScan) -> dict[int, Evidence]:
    # Final before head: a block final now cannot be missing from logs read afterwards.
    final = await chain.agreed.finalized()
    head = await chain.agreed.block("latest")
    sequences = await _sequences(chain, flights, final)
    depth = reorg_depth(final, head)
    seen = await _seen(chain, flights, scan.first_block(flights, depth), head)
    missed = _missed(flights, sequences, seen)
    first = min((operation.planned_at_block - depth for operation in missed), default=head.number)
    seen |= await _seen_again(chain, missed, first, head)
    seen = await on_chain(chain.agreed, seen, _doubted(flights, seen, final))
    scan.unseen([flight for flight in flights if _newest(flight, seen) is None], final.number)
    return {
        flight.occurrence.id: Evidence(
            inclusion=_newest(flight, seen),
            final_sequence=sequences[flight.occurrence.id],
            final_block=final.number,
            final_timestamp=final.timestamp,
            head_timestamp=head.timestamp,
            sure_block=_sure_block(flight, head, sequences[flight.occurrence.id]),
        )
        for flight in flights
    }


def _sure_block(flight: Flight, head: Block, final_sequence: int) -> int | None:
    """Return up to where its failure counts as final: where it is safe to repeat, and tried again.

    One sequence at most is left open below a new one, and none whose bytes may end before they fill it again.
    """
    occurrence, job = flight.occurrence, flight.job
    if job is None or not job.kind.repeat_safe or occurrence.state is not State.INCLUDED_FAIL:
        return None
    if occurrence.nonce is None or final_sequence < occurrence.nonce.sequence:
        return None
    ends = (item.valid_until for item in flight.operations)
    if any(end is not None and end < head.timestamp + REFILL_S for end in ends):
        return None
    failed = replace(occurrence, state=State.FINAL_FAIL, updated_at=head.timestamp)
    change = after_the_end(job.definition, failed, head.timestamp, flight.operations)
    is_tried_again = change is not None and change.event is Event.RETRY
    return head.number - CONFIRMATIONS if is_tried_again else None


async def _seen(
    chain: ChainContext, flights: Sequence[Flight], first: int, head: Block
) -> dict[Hash32, Inclusion]:
    hashes = [operation.user_op_hash for flight in flights for operation in flight.operations]
    return await inclusions(
        chain.agreed, chain.entry_point, hashes, max(min(first, head.number), 0), head.number
    )


def _missed(
    flights: Sequence[Flight], sequences: Mapping[int, int], seen: Mapping[Hash32, Inclusion]
) -> list[JournaledOperation]:
    """Return what was not seen although the nonce is used for good."""
    return [
        operation
        for flight in flights
        if _newest(flight, seen) is None
        for operation in flight.operations
        if operation.nonce.sequence < sequences[flight.occurrence.id]
    ]


async def _seen_again(
    chain: ChainContext, missed: Sequence[JournaledOperation], first: int, head: Block
) -> dict[Hash32, Inclusion]:
    """Search from the first block on for what left no log where it was looked for, before it is foreign."""
    hashes = [operation.user_op_hash for operation in missed]
    bounds = max(min(first, head.number), 0), head.number
    return await found_again(chain.agreed, chain.entry_point, hashes, *bounds)


def _doubted(flights: Sequence[Flight], seen: Mapping[Hash32, Inclusion], final: Block) -> set[int]:
    """Return the blocks on which something will be decided now: newly seen, or about to be final."""
    found = [(flight.occurrence.inclusion, _newest(flight, seen)) for flight in flights]
    return {
        now.block_number
        for before, now in found
        if now is not None and (before is None or now.block_number <= final.number)
    }


def _newest(flight: Flight, seen: Mapping[Hash32, Inclusion]) -> Inclusion | None:
    found = [seen[item.user_op_hash] for item in flight.operations if item.user_op_hash in seen]
    return found[-1] if found else None


async def _sequences(chain: ChainContext, flights: Sequence[Flight], final: Block) -> dict[int, int]:
    calls = [
        Call(
            chain.entry_point,
            Wei(0),
            nonce_call(flight.occurrence.account, flight.operations[-1].nonce.key),
        )
        for flight in flights
    ]
    answers = await chain.agreed.calls(calls, final.number)
    return {
        flight.occurrence.id: 0 if isinstance(answer, CallFailed) else _sequence(answer)
        for flight, answer in zip(flights, answers, strict=True)
    }


def _sequence(word: bytes) -> int:
    return int.from_bytes(word, "big") & SEQUENCE_MASK


async def _act(look: _Look, flight: Flight, verdict: Verdict, evidence: Evidence) -> Occurrence | None:
    services, now = look.services, look.now
    if isinstance(verdict, KeepWaiting):
        return None
    if isinstance(verdict, Resend):
        return await _resend(services, flight, evidence)
    if verdict.event is Event.SEE_FOREIGN and flight.job is not None:
        known = await recognised(services.journal, flight.job, flight.occurrence, flight.operations)
        verdict = known or verdict
    due = await _with_delivery(look, flight, verdict, evidence)
    if due is None:
        return None
    due = await _with_fee(look, flight, due)
    if due.event is Event.SEE_FOREIGN:
        await doubted(services.journal, flight.occurrence, evidence.final_timestamp, now)
    change = await _change(services, flight, due, now)
    if _is_held_so(flight.occurrence, change):
        return None
    occurrence = await _released(services, flight.occurrence, now)
    return await services.journal.record(replace(change, version=occurrence.version))


def _is_held_so(occurrence: Occurrence, change: Change) -> bool:
    """Say whether the run waits for a person with the very words of a hold that is due anew."""
    is_held = occurrence.state is State.HELD and change.event is Event.HOLD
    return is_held and (occurrence.code, occurrence.reason) == (change.code, change.reason)


async def _change(services: Services, flight: Flight, due: Happened, now: Timestamp) -> Change:
    """Return the change that is due, with what an earlier attempt did after all."""
    occurrence = flight.occurrence
    change = change_of(occurrence, due.event, now, code=due.code, reason=due.reason, inclusion=due.inclusion)
    if due.event not in IMPLIES_EARLIER or flight.job is None:
        return change
    earlier = await earlier_of(services, flight.job, occurrence)
    if earlier is None or not earlier.landed:
        return change
    if due.event in (Event.SEE_CANCEL, Event.SEE_FOREIGN):
        return await found(services, flight.job, occurrence, earlier)
    if due.inclusion is None or not due.inclusion.success:
        # It fails and is tried again: before that, what landed is booked.
        return change
    return replace(change, reservations=await counted(services, occurrence, earlier))


async def _with_delivery(
    look: _Look, flight: Flight, verdict: Happened, evidence: Evidence
) -> Happened | None:
    """Return the verdict on an inclusion whose delivery is looked at; None when one must look again."""
    seen = verdict.inclusion
    if seen is None or flight.job is None or not seen.success or seen.delivered is not None:
        return verdict
    if verdict.event is Event.SEE_CANCEL:
        return verdict
    receipt = await look.receipts.of(seen.transaction_hash)
    known = await with_verdict(look.chain.agreed, flight.job, seen, evidence, flight.operations, receipt)
    if known is None:
        return None
    # Included while its job was not in the files, or never seen before: final now, and only now looked at.
    is_late = verdict.event is Event.HOLD or (verdict.event is Event.FOUND and not known.delivered)
    return at_finality(known) if is_late else replace(verdict, inclusion=known)


async def _with_fee(look: _Look, flight: Flight, due: Happened) -> Happened:
    """Return the verdict with what a paymaster took in tokens for the operation that was seen."""
    seen = due.inclusion
    if seen is None or seen.paymaster_fee is not None:
        return due
    for item in flight.operations:
        if item.user_op_hash != seen.user_op_hash:
            continue
        token = await _token_taken(look, flight, item.operation)
        if token is not None:
            receipt = await look.receipts.of(seen.transaction_hash)
            known = with_fee(seen, item.operation, token, receipt, look.chain.entry_point)
            return replace(due, inclusion=known)
    return due


async def _token_taken(look: _Look, flight: Flight, operation: UserOperation) -> Address | None:
    """Return the token of the service that pays for an operation; services may share a contract."""
    payers = look.chain.payers
    named = may_take(payers, operation)
    if len(named) < 2:
        return fee_token(payers, named, "")
    return fee_token(payers, named, await planned_payer(look.services.journal, flight.occurrence.id))


async def _resend(services: Services, flight: Flight, seen: Evidence) -> Occurrence | None:
    if flight.occurrence.state is State.HELD or flight.job is None:
        return None
    if not _is_cancelled(flight):
        try:
            after = await filled(services, flight.job, flight.occurrence)
        except JobPaused:
            return None
        if after is not None:
            return after
    # The job's own: what is private stays with those that keep it to themselves.
    bundlers = flight.job.chain.bundlers
    # Turn by turn: the journal's version grows with every send and answer.
    bundler = bundlers[flight.occurrence.version // 2 % len(bundlers)]
    out_of_sight = OutOfSight(flight.occurrence, flight.operations, seen.head_timestamp)
    return await go_on(services, bundler, flight.job, out_of_sight)


def _is_cancelled(flight: Flight) -> bool:
    """Say whether it is to pay nothing any more: then nothing of earlier attempts goes out either."""
    return flight.occurrence.code == CANCEL_ASKED or flight.operations[-1].cancels


async def _released(services: Services, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    if occurrence.state is not State.HELD:
        return occurrence
    code, reason = "seen_on_chain", "the chain decided"
    if occurrence.code == NoCancel.code:
        # The session allows no cancel, and somebody wanted one all the same.
        code, reason = CANCEL_ASKED, occurrence.reason
    return await services.journal.record(change_of(occurrence, Event.RELEASE, now, code=code, reason=reason))
