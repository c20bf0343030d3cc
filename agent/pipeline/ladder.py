"""The fee ladder: when an operation that does not land gets higher fees, and how high they may get. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from agent.domain.job import FeeCaps, GiveUp
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.operation import Fees, JournaledOperation
from agent.domain.units import Gas, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.answer_table import RPC_CODES, SAID
from agent.erc4337.bundler_actions import Part, Raise, Rebuild
from agent.erc4337.bundler_fees import RAISE_PERCENT, raised_wei
from agent.erc4337.error_table import AA_CODES, EMPTY_REVERT
from agent.erc4337.gas import worst_case_cost_wei
from agent.pipeline.disposition import REVERTED

UINT120_MAX = 2**120 - 1
"""What an EntryPoint takes as a fee at most (AA94)."""
FAIR_PRICE_PATIENCE = 5
"""So many times longer an operation may wait whose fees suffice: a bundler that does not bundle it is no
reason to pay more, until it has been quiet for very long."""
MORE_GAS_PERCENT = 25
"""At least so much more verification gas has what was refused for too little: an estimate that was too low
once may be so again."""
MOST_REBUILDS = 4
"""So often an operation gets more gas; what is refused then lacks something else."""
MOST_REPLANS = 8
"""So often the calls of an attempt are made anew; each time costs a rung of its fees."""
KNOWN_THERE = frozenset({"accepted", "already_known"})
"""Codes of answers by which a bundler has the operation."""
WANTS_FEES = frozenset(row.code for row in SAID if isinstance(row.action, Raise))
WANTS_GAS = frozenset(
    {row.code for row in SAID if row.action == Rebuild(Part.GAS)}
    | {row.code or name.lower() for name, row in AA_CODES.items() if row.action == Rebuild(Part.GAS)}
    | {EMPTY_REVERT.code}
)
WANTS_SPONSOR = frozenset(
    {row.code for row in SAID if row.action == Rebuild(Part.PAYMASTER)}
    | {row.code for row in RPC_CODES.values() if row.action == Rebuild(Part.PAYMASTER)}
    | {row.code or name.lower() for name, row in AA_CODES.items() if row.action == Rebuild(Part.PAYMASTER)}
)


class Wish(Enum):
    """What is due for an operation that was sent and is out of sight."""

    SAME = "same"
    """The same bytes again."""
    RAISE = "raise"
    """Higher fees, should the chain or the bundler ask for them."""
    REBUILD = "rebuild"
    """More gas, and with it higher fees."""
    REPLAN = "replan"
    """Calls made anew, for those it has revert, or their time is over."""
    CANCEL = "cancel"
    """A harmless operation in its place."""
    HOLD = "hold"
    """Nothing: a person has to look."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the job says about an operation that does not land."""

    caps: FeeCaps
    deadline: Timestamp
    """End of the slot's grace: what is late then is raised no more."""

    @property
    def cancels(self) -> bool:
        """Whether it is cancelled at its deadline."""
        return self.caps.give_up is GiveUp.CANCEL


def wish(
    operations: Sequence[JournaledOperation],
    code: str,
    terms: Terms,
    now: Timestamp,
    chain_time: Timestamp = Timestamp(0),
) -> Wish:
    """Return what is due for the newest of these operations, `code` being the last answer's.

    `chain_time` is the head's: by it what the calls of an operation can still do is told.
    """
    newest = operations[-1]
    asked = code in WANTS_FEES or now >= newest.journaled_at + terms.caps.patience_s
    if newest.cancels:
        return _with_its_calls(code, asked=asked)
    if code == CANCEL_ASKED or (terms.cancels and now > terms.deadline):
        return Wish.CANCEL
    is_spent = newest.is_spent(chain_time)
    if now > terms.deadline:
        return _too_late(code, is_spent=is_spent)
    if is_spent or code.startswith(REVERTED):
        return Wish.REPLAN
    return _with_its_calls(code, asked=asked)


def _with_its_calls(code: str, *, asked: bool) -> Wish:
    """Return what is due for an operation that keeps its calls."""
    if code in WANTS_GAS:
        return Wish.REBUILD
    return Wish.RAISE if asked else Wish.SAME


def _too_late(code: str, *, is_spent: bool) -> Wish:
    """Return what is due after the grace: what can only revert is not sent again."""
    if is_spent:
        return Wish.CANCEL
    return Wish.HOLD if code.startswith(REVERTED) else Wish.SAME


def has_plans_enough(operations: Sequence[JournaledOperation]) -> bool:
    """Say whether the calls of this attempt were made anew as often as they may be."""
    newest = operations[-1]
    mine = [item for item in operations if item.attempt == newest.attempt and not item.cancels]
    return len({item.operation.call_data for item in mine}) > MOST_REPLANS


def has_gas_enough(operations: Sequence[JournaledOperation]) -> bool:
    """Say whether the newest of these operations was given more gas as often as it may be.

    A cancel and the payment that it ends are counted apart: its gas was estimated for itself.
    """
    newest = operations[-1]
    limits = {
        item.operation.verification_gas_limit
        for item in operations
        if (item.attempt, item.cancels) == (newest.attempt, newest.cancels)
    }
    return len(limits) > MOST_REBUILDS


def more_gas(gas: Gas) -> Gas:
    """Return the next higher limit."""
    return Gas(gas + -(-gas * MORE_GAS_PERCENT // 100))


def is_short(offered: Fees, base_fee_wei: Wei, code: str, age_s: int, patience_s: int) -> bool:
    """Say whether an operation that waited `age_s` seconds has to offer more.

    It has to when the bundler says so, when its tip cannot be paid in full above the base fee of now, and
    when a bundler has had it for very long all the same. New bytes on its nonce offer more, so one whose
    paymaster was refused has to as well, though not at once: its paymaster is asked anew with them.
    """
    if code in WANTS_FEES:
        return True
    if age_s < patience_s:
        return False
    if code in WANTS_SPONSOR:
        return True
    if offered.max_fee_per_gas < base_fee_wei + offered.max_priority_fee_per_gas:
        return True
    return code in KNOWN_THERE and age_s >= FAIR_PRICE_PATIENCE * patience_s


def ceiling(operation: UserOperation, caps: FeeCaps, *, keeps_a_rung: bool) -> Fees:
    """Return the highest fees that the caps leave to an operation with these gas limits.

    `keeps_a_rung` leaves room for one more raise below the caps: the one that cancels it.
    """
    gas = max(worst_case_cost_wei(replace(operation, max_fee_per_gas=Wei(1))), 1)
    highest = [UINT120_MAX]
    if caps.max_fee_per_gas_wei is not None:
        highest.append(caps.max_fee_per_gas_wei)
    if caps.max_cost_wei is not None:
        highest.append(caps.max_cost_wei // gas)
    max_fee = min(highest)
    tip = min(
        max_fee,
        UINT120_MAX if caps.max_priority_fee_per_gas_wei is None else caps.max_priority_fee_per_gas_wei,
    )
    return Fees(_rung_below(max_fee), _rung_below(tip)) if keeps_a_rung else Fees(Wei(max_fee), Wei(tip))


def payment_caps(caps: FeeCaps) -> FeeCaps:
    """Return the caps on fees that a payment has: one that may be cancelled leaves a rung for that."""
    if caps.give_up is not GiveUp.CANCEL:
        return caps
    max_fee, tip = caps.max_fee_per_gas_wei, caps.max_priority_fee_per_gas_wei
    return replace(
        caps,
        max_fee_per_gas_wei=None if max_fee is None else _rung_below(max_fee),
        max_priority_fee_per_gas_wei=None if tip is None else _rung_below(tip),
    )


def next_rung(offered: Fees, wanted: Fees, highest: Fees) -> Fees | None:
    """Return both fees at least a tenth higher, up to what is wanted and never above `highest`.

    None when a tenth more is above it: then the operation is at its cap.
    """
    step = Fees(raised_wei(offered.max_fee_per_gas), raised_wei(offered.max_priority_fee_per_gas))
    if (
        step.max_fee_per_gas > highest.max_fee_per_gas
        or step.max_priority_fee_per_gas > highest.max_priority_fee_per_gas
    ):
        return None
    max_fee = max(step.max_fee_per_gas, min(wanted.max_fee_per_gas, highest.max_fee_per_gas))
    tip = min(wanted.max_priority_fee_per_gas, highest.max_priority_fee_per_gas, max_fee)
    return Fees(Wei(max_fee), Wei(max(step.max_priority_fee_per_gas, tip)))


def highest_of(one: Fees, told: tuple[Wei | None, Wei | None]) -> Fees:
    """Return the fees, lifted to what a bundler named."""
    max_fee, tip = told
    return Fees(Wei(max(one.max_fee_per_gas, max_fee or 0)), Wei(max(one.max_priority_fee_per_gas, tip or 0)))


def fees_of(operation: UserOperation) -> Fees:
    """Return what the operation offers."""
    return Fees(operation.max_fee_per_gas, operation.max_priority_fee_per_gas)


def _rung_below(fee_wei: int) -> Wei:
    """Return the most that a tenth more, rounded up, does not lift above this."""
    return Wei(fee_wei * 100 // RAISE_PERCENT)
