"""A lane that is further on chain than in the journal: learn what it paid before it is planned on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from agent.domain.job_caps import cap_uses
from agent.domain.journal import JobRow, Reservation
from agent.domain.journal_step import holds_lane
from agent.domain.lane_history import (
    LANDING_S,
    LANE_AHEAD,
    SKEW_S,
    Executed,
    booked_slots,
    certainly_paid,
    doubtful_until,
)
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.recurrence import HORIZON, Slot
from agent.domain.schedule import CatchUp, slots_between
from agent.domain.states import Event, State
from agent.domain.units import Hash32, Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.delivery import with_delivery
from agent.pipeline.lane_reading import lane_history, lane_sequence
from agent.pipeline.refusal import Defer
from agent.ports import Journal

log = structlog.get_logger()
OPEN = (State.DUE, State.CLAIMED, State.HELD, State.FINAL_FAIL, State.EXPIRED)
OVER = (State.EXPIRED, State.FAILED, State.FINAL_OK)
"""Without an inclusion: void, or a person's word; nothing signed for it is followed any more."""
GIVES_UP = (State.DUE, State.CLAIMED, State.HELD, *OVER)
MAY_BE_FOUND = frozenset({State.DUE, State.CLAIMED, State.SKIPPED})
MOST_SLOTS = 20_000
"""More are not told apart: then nothing is certain, and a person decides."""
FOUND = "found_on_chain"


@dataclass(frozen=True, slots=True)
class Past:
    """What a lane did without the journal's knowledge, up to a final block."""

    row: JobRow
    history: tuple[Executed, ...]
    next_sequence: int
    doubtful_until: Timestamp
    """Slots that were due until then are settled or held, never planned."""
    paid: Mapping[str, Inclusion]
    """By slot: payments that are certainly its own, and delivered."""
    uses: tuple[Reservation, ...]
    """What it used of the job's own caps, for whichever slots."""
    is_triggered: bool = False
    """Whether the chain makes the job due: which firings it has paid, no calendar tells."""

    def is_doubtful(self, due_at: Timestamp) -> bool:
        """Say whether a slot that was due then may have been paid."""
        return self.is_triggered or due_at <= self.doubtful_until


async def rebuilt(services: Services, job: JobContext, occurrence: Occurrence) -> Occurrence:
    """Settle, hold or clear every open run of the job by what the chain shows; return this one after it.

    The lane moves last, with the change of this run: whatever ends before that, the next look begins anew.
    Raises Defer while the chain or the pump is not so far, ChainUnavailable, StaleRecord.
    """
    past = await _past(services, job)
    # First: a log that is heard late, while the runs are decided, is not planned behind them.
    now = await services.clock.now()
    await services.journal.doubt(job.definition.id, past.doubtful_until, _why(past), now)
    for other in await _others(services, job, past, occurrence):
        await _decide(services, past, other, None)
    log.warning("lane_rebuilt", job=job.definition.id, sequence=past.next_sequence, paid=sorted(past.paid))
    return await _decide(services, past, occurrence, past.next_sequence)


async def _past(services: Services, job: JobContext) -> Past:
    chain, row = job.chain, await services.journal.job(job.definition.id)
    # The head before the final block: a sequence used at the head is not final yet, unless both are the same.
    head = await chain.agreed.block("latest")
    ahead = await lane_sequence(job, head)
    final = await chain.agreed.finalized()
    sequence = await lane_sequence(job, final)
    if sequence < ahead or sequence <= row.next_sequence:
        raise Defer("lane_not_final", f"the lane is at {ahead} on chain, at {sequence} in a final block")
    history = await lane_history(job, row.next_sequence, sequence, final)
    await _require_unfollowed(services, row, history)
    until = doubtful_until(history) or Timestamp(0)
    cursor = row.enrolment.cursor
    if cursor is not None and cursor.due_at <= until:
        raise Defer("slots_not_claimed", f"slot {cursor.slot} may have been paid and has no run yet")
    payments = certainly_paid(await _slots(services, job, history, until), history, grace_s(job))
    paid = await _delivered(job, payments)
    return Past(row, history, sequence, until, paid, _uses(job, history), job.definition.schedule is None)


async def _require_unfollowed(services: Services, row: JobRow, history: Sequence[Executed]) -> None:
    """Refuse to tell slots from payments of which the journal knows the slot: another worker follows them.

    What was signed for a run that gave its nonce up as void nobody follows: it landed all the same, because
    the owner extended its session under the same permission id.
    """
    hashes = [item.inclusion.user_op_hash for item in history if item.inclusion is not None]
    known = await services.journal.signed(hashes)
    if not known:
        return
    job_id = row.enrolment.job_id
    followed = known.keys() - await _given_up(services.journal, job_id)
    if followed:
        raise Defer("lane_followed", f"operation {min(followed)} is in the journal and is still followed")
    if (await services.journal.job(job_id)).next_sequence != row.next_sequence:
        raise Defer("lane_followed", "another worker moved the lane meanwhile")
    log.warning("void_landed", job=job_id, operations=sorted(map(str, known)))


async def _given_up(journal: Journal, job_id: str) -> set[Hash32]:
    """Return what was signed for runs of the job that hold no nonce any more and were not seen on chain."""
    rows = await journal.occurrences(GIVES_UP, job_id)
    left = [row.id for row in rows if row.inclusion is None and (row.nonce is None or row.state in OVER)]
    signed = await journal.operations_of(left)
    return {item.user_op_hash for operations in signed.values() for item in operations}


async def _slots(
    services: Services, job: JobContext, history: Sequence[Executed], until: Timestamp
) -> list[Slot]:
    """Return the slots that the history may have paid: those whose payment the journal has are not."""
    schedule = job.definition.schedule
    first = min((item.at for item in history if item.paid), default=None)
    if schedule is None or first is None:
        return []
    earliest = Timestamp(max(first - grace_s(job) - LANDING_S - SKEW_S, 0))
    paid = await services.journal.occurrences((State.FINAL_OK,), job.definition.id)
    known = booked_slots(paid, [item.inclusion.user_op_hash for item in history if item.inclusion])
    found = slots_between(schedule, earliest, until, MOST_SLOTS)
    if len(found) == MOST_SLOTS:
        return []
    return [slot for slot in found if slot.key not in known]


def grace_s(job: JobContext) -> int:
    """Return how late a slot of the job may have been started."""
    # What is caught up has its grace from when it was seen, which nobody knows any more.
    definition = job.definition
    return HORIZON if definition.catch_up is CatchUp.LATEST else definition.retry.grace_s


async def _delivered(job: JobContext, payments: Mapping[str, Executed]) -> dict[str, Inclusion]:
    definition, found = job.definition, {}
    confirm = partial(job.kind.confirm, definition.spec, definition.account)
    for slot, payment in payments.items():
        if payment.inclusion is None:
            continue
        receipt = await job.chain.agreed.receipt(payment.inclusion.transaction_hash)
        known = with_delivery(payment.inclusion, receipt, job.chain.entry_point, confirm)
        if known is not None and known.delivered:
            found[slot] = known
    return found


def _uses(job: JobContext, history: Sequence[Executed]) -> tuple[Reservation, ...]:
    """Return what payments used of the job's own caps on the days they landed, by the job's present file."""
    definition, used = job.definition, dict[str, Reservation]()
    spends = job.kind.slot_spends(definition.spec)
    for payment in history:
        if not payment.paid:
            continue
        caps = cap_uses(definition.id, job.kind.caps(definition.spec), payment.at, {}, {})
        named = {use.cap.name: use for use in caps}
        for spend in spends:
            key, limit = str(named[spend.cap].key), named[spend.cap].cap.limit
            before = used[key].amount if key in used else 0
            used[key] = Reservation(key, before + spend.amount, limit, 0, 0)
    return tuple(used.values())


async def _others(services: Services, job: JobContext, past: Past, besides: Occurrence) -> list[Occurrence]:
    """Return the other runs that the lane's past decides: open ones, and what was skipped and is paid."""
    rows = await services.journal.occurrences((*OPEN, State.SKIPPED), job.definition.id)
    return [
        row
        for row in rows
        if row.id != besides.id
        and past.is_doubtful(row.due_at)
        and not holds_lane(row)
        and (row.state is not State.SKIPPED or row.slot in past.paid)
    ]


async def _decide(
    services: Services, past: Past, occurrence: Occurrence, lane_next: int | None
) -> Occurrence:
    now = await services.clock.now()
    occurrence = await _released(services, occurrence, now)
    inclusion = past.paid.get(occurrence.slot) if occurrence.state in MAY_BE_FOUND else None
    if not past.is_doubtful(occurrence.due_at):
        event, code, reason = (
            Event.POSTPONE,
            "lane_rebuilt",
            "the lane's past is known: nothing of it paid this slot",
        )
    elif inclusion is not None:
        event, code, reason = Event.FOUND, FOUND, "its payment is on chain, by its calls and its time"
    else:
        event, code, reason = Event.HOLD, LANE_AHEAD, _why(past)
    change = change_of(
        occurrence,
        event,
        now,
        code=code,
        reason=reason,
        not_before=now,
        inclusion=inclusion if event is Event.FOUND else None,
        lane_next=lane_next,
        lane_uses=() if lane_next is None else past.uses,
        facts=_facts(past),
    )
    return await services.journal.record(change)


async def _released(services: Services, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    if occurrence.state is not State.HELD:
        return occurrence
    change = change_of(
        occurrence, Event.RELEASE, now, code="lane_rebuilt", reason="decided by the lane's past"
    )
    return await services.journal.record(change)


def _why(past: Past) -> str:
    told = ", ".join(f"{item.sequence}: {_told(item)}" for item in past.history if item.may_have_paid)
    return (
        f"the lane is at {past.next_sequence} on chain, at {past.row.next_sequence} by the journal: this "
        f"slot may be among what it paid ({told}): check the account, then: sessionkeeper runs resolve"
    )


def _told(item: Executed) -> str:
    if item.inclusion is None:
        return "no log"
    return f"{item.purpose.value} in {item.inclusion.transaction_hash}"


def _facts(past: Past) -> dict[str, str]:
    return {
        "lane": str(past.next_sequence),
        "doubtful_until": str(past.doubtful_until),
        "payments": ", ".join(sorted(past.paid)),
    }
