"""Keeping a loan from liquidation: pays back or adds collateral when its health factor has fallen.

It fires while the health factor is at or below the trigger, and reaches for the target above it: what lies
between the two is the hysteresis. What nobody can tell fires nothing and raises an alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.domain.evaluation import (
    Act,
    ChainView,
    Delivered,
    Delivery,
    Evaluation,
    NextBlock,
    NotDelivered,
    Read,
    Skip,
    Wait,
)
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.states import State
from agent.domain.token import decimal_text
from agent.domain.units import Address, Timestamp
from agent.domain.watching import NO_MEMORY, Again, Firings, Glance, JobCap, Memory, Spend
from jobs import erc20
from jobs.kind import EventLog, Kind, Timing
from jobs.loan_repay_spec import LoanRepaySpec, objections_to, priority_percent
from jobs.loans.packing import Unreadable
from jobs.loans.position import (
    NO_DEBT,
    Means,
    Position,
    decimal_of,
    health_after,
    is_above,
    needed,
    payable,
)

PER_DAY = "paid_per_day"
AIM_FACTOR = Fraction(1001, 1000)
"""Of the target: thresholds are rounded on chain, interest accrues and prices move before inclusion."""
RECHECK_S = 600
DAY_S = 86_400
LIQUIDATABLE = Fraction(1)
LOW_SINCE = "low_since"
"""In its memory: the time of the block at which the health factor was first seen at or below the trigger."""
PATIENCE_S = 900
"""After so long an alarm says that it is low still, whatever the reason: a used-up cap, fees, a refusal."""
ROUNDING = 2
"""Base units by which markets round against the account."""


@dataclass(frozen=True, slots=True)
class _Low:
    """A health factor at or below the trigger, and since when."""

    view: ChainView
    health: Fraction
    since: int
    again: Again

    @property
    def memory(self) -> Memory:
        return {LOW_SINCE: self.since}

    @property
    def late_from(self) -> int:
        """From when on somebody should hear that it is low still."""
        return self.since + PATIENCE_S

    @property
    def is_late(self) -> bool:
        """Whether whatever should have helped did not."""
        return self.view.timestamp >= self.late_from

    @property
    def is_urgent(self) -> bool:
        return self.is_late or self.health <= LIQUIDATABLE

    def why(self, spec: LoanRepaySpec) -> str:
        """Return what is seen, for people."""
        lasts = f" for {self.view.timestamp - self.since} s" if self.is_late else ""
        return f"the health factor is {decimal_of(self.health)}{lasts}, at most {spec.trigger_text}"

    def looks_by(self, time: int) -> Again:
        """Return that it looks again at a change, or at a time if that is to come."""
        times = [at for at in (self.again.at_time, time) if at is not None and at > self.view.timestamp]
        return Again(on_change=True, at_time=Timestamp(min(times)) if times else None)


class LoanRepay(Kind[LoanRepaySpec]):
    """The kind `loan_repay`."""

    name = "loan_repay"
    spec_model = LoanRepaySpec
    timing = Timing.TRIGGER
    repeat_safe = True

    def identity(self, spec: LoanRepaySpec) -> Mapping[str, str]:
        return {**spec.market.identity(), "asset": str(spec.payment.asset)}

    def objections(self, spec: LoanRepaySpec, account: Address) -> Mapping[str, str]:
        return dict(objections_to(spec))

    def watch_reads(self, spec: LoanRepaySpec, account: Address) -> tuple[Read, ...]:
        health = spec.market.health_reads(account)
        state = spec.market.state_reads(spec.payment, account)
        return tuple(dict.fromkeys((*health, *state, *(item.read() for item in spec.feeds))))

    def watch(
        self, spec: LoanRepaySpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        turns = [at for item in spec.feeds if (at := item.turns_at(view)) is not None]
        again = Again(on_change=True, at_time=min(turns, default=None))
        try:
            health = _health(spec, account, view)
            if is_above(health, spec.trigger):
                return _rests(again, NO_MEMORY, _calm(health, spec))
            hindrance = _hindrance(spec, account, view)
        except Unreadable as cause:
            return _rests(again, memory, (cause.code, cause.why), alarm=True)
        low_since = memory.get(LOW_SINCE, view.timestamp)
        return _low(spec, _Low(view, health, low_since, again), past, hindrance)

    def reads(self, spec: LoanRepaySpec, account: Address) -> tuple[Read, ...]:
        position = spec.market.position_reads(spec.payment, account)
        return tuple(dict.fromkeys((*self.watch_reads(spec, account), *position)))

    def evaluate(self, spec: LoanRepaySpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        account = occurrence.account
        try:
            health = _health(spec, account, view)
            if is_above(health, spec.trigger):
                return Skip("recovered", _calm(health, spec)[1])
            hindrance = _hindrance(spec, account, view)
            if hindrance is not None:
                # The watch sees it too, raises the alarm and fires again once it is gone.
                return Skip(*hindrance)
            position = spec.market.position(view, spec.payment, account)
        except Unreadable as cause:
            return NextBlock(cause.code, cause.why)
        return _action(spec, account, view, health, position)

    def caps(self, spec: LoanRepaySpec) -> tuple[JobCap, ...]:
        token = spec.max_per_day.token
        cap = JobCap(
            PER_DAY, spec.max_per_day.base_units, per_day=True, unit=token.symbol, decimals=token.decimals
        )
        return (cap,)

    def confirm(self, spec: LoanRepaySpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        paid = _paid(spec, account, logs)
        if len(paid) != 1 or not 0 < paid[0] <= spec.payment.most:
            shown = ", ".join(_text(spec, units) for units in paid) or "nothing"
            return NotDelivered("not_paid_in", f"the logs show {shown} paid in, one payment was to be made")
        left = erc20.transferred_from(logs, spec.payment.asset, account)
        # What was lent leaves as aTokens, which count interest in between: the market's word is all there is.
        if spec.using is not Means.ATOKENS and left < paid[0] - ROUNDING:
            told = f"the market logs {_text(spec, paid[0])}, the token {_text(spec, left)} out of the account"
            return NotDelivered("not_paid_in", told)
        return Delivered()

    def outcome_reads(self, spec: LoanRepaySpec, account: Address) -> tuple[Read, ...]:
        return spec.market.counted_reads(spec.payment, account)

    def outcome(self, spec: LoanRepaySpec, account: Address, view: ChainView) -> Delivery:
        """Hold what the operation's own logs show against what was planned.

        How debt and collateral stand afterwards is no measure: the owner may have borrowed since the plan.
        """
        before, amount = view.intent.get("before"), view.intent.get("amount")
        if before is None or amount is None:
            return Delivered()
        paid = sum(_paid(spec, account, view.logs))
        adds = spec.using is Means.COLLATERAL
        due = int(amount) if adds else min(int(amount), int(before))
        if paid >= due - ROUNDING:
            return Delivered()
        try:
            is_all = not adds and spec.market.counted(view, spec.payment, account) <= ROUNDING
        except Unreadable as cause:
            return NotDelivered(cause.code, cause.why)
        if is_all:
            # Somebody else paid some of it in the meantime, and no market takes more than is owed.
            return Delivered()
        return NotDelivered("paid_too_little", f"{_text(spec, paid)} paid in, {_text(spec, due)} planned")

    def requirements(self, spec: LoanRepaySpec, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        return spec.market.requirements(spec.payment, account, uses)

    def possible_operations(
        self, spec: LoanRepaySpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return (PossibleOperation(spec.market.possible(spec.payment, account), uses),)


def _health(spec: LoanRepaySpec, account: Address, view: ChainView) -> Fraction:
    for feed in spec.feeds:
        feed.require_fresh(view)
    return spec.market.health(view, account)


def _calm(health: Fraction, spec: LoanRepaySpec) -> tuple[str, str]:
    if health is NO_DEBT:
        return "no_debt", "the account owes nothing"
    levels = f"the health factor is {decimal_of(health)}, the trigger {spec.trigger_text}"
    return "above_trigger", levels


def _hindrance(spec: LoanRepaySpec, account: Address, view: ChainView) -> tuple[str, str] | None:
    """Return code and words of what keeps the account from paying in; raise Unreadable."""
    barred = spec.market.barred(view, spec.payment)
    if barred:
        return barred, f"the market takes no {spec.payment.token.symbol} now: {barred}"
    units = spec.market.payable(view, spec.payment, account)
    owed = spec.market.owed(view, spec.payment, account)
    # A debt below the least payment is paid back whole.
    least = spec.least if spec.using is Means.COLLATERAL else max(1, min(spec.least, owed))
    if units < least:
        why = f"{_text(spec, units)} can be paid by {spec.using}, {_text(spec, least)} are needed"
        return "insufficient_funds", why
    return None


def _low(spec: LoanRepaySpec, seen: _Low, past: Firings, hindrance: tuple[str, str] | None) -> Glance:
    if hindrance is not None:
        code, reason = hindrance
        return _rests(seen.again, seen.memory, (code, f"{seen.why(spec)}; {reason}"), alarm=True)
    rests_until = _rests_until(spec, past)
    if seen.view.timestamp < rests_until:
        return _rests(
            seen.looks_by(rests_until),
            seen.memory,
            ("cooling_down", seen.why(spec)),
            alarm=seen.is_urgent,
        )
    return Glance(
        fires=True,
        again=seen.looks_by(seen.late_from),
        memory=seen.memory,
        code="still_low" if seen.is_late else "below_trigger",
        why=seen.why(spec),
        alarm=seen.is_urgent,
        facts={"health_factor": decimal_of(seen.health, 6)},
    )


def _rests(again: Again, memory: Memory, reason: tuple[str, str], *, alarm: bool = False) -> Glance:
    code, why = reason
    return Glance(fires=False, again=again, memory=memory, code=code, why=why, alarm=alarm)


def _rests_until(spec: LoanRepaySpec, past: Firings) -> Timestamp:
    # A firing that was left undone has moved nothing that the next one should wait for.
    if past.last_ended_at is None or past.last_state is State.SKIPPED:
        return Timestamp(0)
    return Timestamp(past.last_ended_at + spec.cool_down)


def _action(
    spec: LoanRepaySpec, account: Address, view: ChainView, health: Fraction, position: Position
) -> Evaluation:
    missing = needed(position, spec.using, spec.target * AIM_FACTOR)
    left = view.left.get(PER_DAY, spec.max_per_day.base_units)
    units = payable(spec.using, position.held, position.owed)
    if left < min(missing, spec.least, units):
        return Wait(_soon(view), "day_cap_used", f"{_text(spec, left)} are left of the day's cap")
    amount = min(missing, spec.payment.most, left, units)
    reached = health_after(position, spec.using, amount)
    if amount <= 0 or reached <= position.health:
        return Wait(_soon(view), "no_help", f"{_text(spec, amount)} would not raise the health factor")
    calls = spec.market.calls(position, spec.payment, account, amount)
    return Act(
        calls,
        {**_intent(spec, health, amount, missing, reached), "before": str(position.counted)},
        spends=(Spend(PER_DAY, amount),),
        priority_percent=priority_percent(health, spec),
    )


def _paid(spec: LoanRepaySpec, account: Address, logs: Sequence[EventLog]) -> list[int]:
    """Return what the market's own events show paid in for the account, base units."""
    proof = spec.market.proof(spec.payment, account)
    return [proof.amount_in(log) for log in logs if proof.shown_by(log)]


def _soon(view: ChainView) -> Timestamp:
    """Return when to look again at what time may mend: soon, at the latest when the day begins anew."""
    return Timestamp(min(view.timestamp + RECHECK_S, (view.timestamp // DAY_S + 1) * DAY_S))


def _intent(
    spec: LoanRepaySpec, health: Fraction, amount: int, missing: int, reached: Fraction
) -> dict[str, str]:
    verb = "add" if spec.using is Means.COLLATERAL else "pay back"
    of = "" if amount >= missing else f" of {_text(spec, missing)} needed"
    levels = f"health factor {decimal_of(health)} to {decimal_of(reached)}"
    return {
        "token": str(spec.payment.asset),
        "amount": str(amount),
        "health_factor": decimal_of(health, 6),
        "reaches": decimal_of(reached, 6),
        "text": f"{verb} {_text(spec, amount)}{of}: {levels}",
    }


def _text(spec: LoanRepaySpec, units: int) -> str:
    token = spec.payment.token
    return f"{decimal_text(units, token.decimals)} {token.symbol}"


LOAN_REPAY = LoanRepay()
