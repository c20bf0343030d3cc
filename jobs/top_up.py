"""A top-up: whenever a balance, a gas deposit or an allowance falls below a level, bring it up to another."""

from collections.abc import Mapping, Sequence

from agent.domain.call import Call
from agent.domain.evaluation import (
    Act,
    ChainView,
    Delivered,
    Delivery,
    Evaluation,
    NotDelivered,
    Read,
    Skip,
    Stop,
    Wait,
)
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleCall, PossibleOperation, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import Address, Timestamp, Wei
from agent.domain.watching import ON_CHANGE, Again, Firings, Glance, JobCap, Memory, Spend
from jobs import erc20
from jobs.kind import EventLog, Kind, Timing
from jobs.top_up_spec import Keep, TopUpSpec, wrong_amounts, wrong_target

DAY_S = 86_400
NATIVE_TRANSFER_SELECTOR = bytes.fromhex("ffffffff")
DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]
APPROVE = keccak256(b"approve(address,uint256)")[:4]
DEPOSITED_EVENT = keccak256(b"Deposited(address,uint256)")
APPROVAL_EVENT = keccak256(b"Approval(address,address,uint256)")

MOVED_PER_DAY, MOVED_IN_ALL, ACTIONS_PER_DAY = "moved_per_day", "moved_in_all", "actions_per_day"


class TopUp(Kind[TopUpSpec]):
    """The kind `top_up`: level-triggered, with a cool-down."""

    name = "top_up"
    spec_model = TopUpSpec
    timing = Timing.TRIGGER

    def identity(self, spec: TopUpSpec) -> Mapping[str, str]:
        return {"keep": str(spec.keep), "of": str(spec.of)}

    def objections(self, spec: TopUpSpec, account: Address) -> Mapping[str, str]:
        return {**wrong_target(spec, account), **wrong_amounts(spec)}

    def reads(self, spec: TopUpSpec, account: Address) -> tuple[Read, ...]:
        level = spec.level_read(account)
        return (level,) if spec.keep is Keep.ALLOWANCE else (level, _funds_read(spec, account))

    def evaluate(self, spec: TopUpSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        account = occurrence.account
        level = view.uint(spec.level_read(account))
        if level is None:
            return _later(spec, view, "level_unknown", f"the {spec.keep} of {spec.of} cannot be read")
        if level >= spec.below.base_units:
            return Skip("level_kept", f"{spec.text(level)} there, {spec.below} is the least")
        units = spec.to.base_units if spec.keep is Keep.ALLOWANCE else _missing(spec, level)
        return _capped(spec, view, units) or _short(spec, view, account, units) or _act(spec, level, units)

    def confirm(self, spec: TopUpSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        if spec.keep is Keep.DEPOSIT:
            return _logged(logs, spec.entry_point, (DEPOSITED_EVENT, erc20.word(spec.of)), "no_deposit")
        token = spec.to.token.address
        if token is None:
            # A plain transfer leaves no log: `outcome` looks at the balance.
            return Delivered()
        parties = erc20.word(account), erc20.word(spec.of)
        if spec.keep is Keep.BALANCE:
            return _moved(spec, logs, token, (erc20.TRANSFER_EVENT, *parties))
        return _logged(logs, token, (APPROVAL_EVENT, *parties), "no_approval")

    def requirements(self, spec: TopUpSpec, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        token, of = spec.to.token.address, int.from_bytes(spec.of, "big")
        if spec.keep is Keep.DEPOSIT:
            rule = ArgumentRule("account", 0, Comparison.EQUAL, of)
            target, value_wei = spec.entry_point, Wei(spec.largest)
            return (ActionRequirement(target, DEPOSIT_TO, uses, (rule,), value_per_use_wei=value_wei),)
        if token is None:
            value_wei = Wei(spec.largest)
            need = ActionRequirement(spec.of, NATIVE_TRANSFER_SELECTOR, uses, value_per_use_wei=value_wei)
            return (need,)
        selector = erc20.TRANSFER if spec.keep is Keep.BALANCE else APPROVE
        rules = (
            ArgumentRule("to" if spec.keep is Keep.BALANCE else "spender", 0, Comparison.EQUAL, of),
            ArgumentRule("amount", 32, Comparison.AT_MOST, spec.largest),
        )
        return (
            ActionRequirement(token, selector, uses, rules, token=token, token_total=_in_all(spec, uses)),
        )

    def possible_operations(
        self, spec: TopUpSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        least = min(spec.to.base_units - spec.below.base_units + 1, spec.largest)
        calls = _calls(spec, least)
        if spec.keep is Keep.ALLOWANCE:
            return (PossibleOperation(tuple(PossibleCall(call) for call in calls), uses),)
        if spec.to.token.address is None:
            return (PossibleOperation((PossibleCall(calls[0], most_value_wei=Wei(spec.largest)),), uses),)
        amount = WordRange("amount", 32, least, spec.largest, _in_all(spec, uses))
        return (PossibleOperation((PossibleCall(calls[0], (amount,)),), uses),)

    def watch_reads(self, spec: TopUpSpec, account: Address) -> tuple[Read, ...]:
        return (spec.level_read(account),)

    def watch(
        self, spec: TopUpSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        level = view.uint(spec.level_read(account))
        if level is None:
            why = f"the {spec.keep} of {spec.of} cannot be read"
            return _glance(ON_CHANGE, memory, "level_unknown", why, alarm=True)
        told = f"{spec.text(level)} there, {spec.least_text} is the least"
        if level >= spec.below.base_units:
            return _glance(ON_CHANGE, memory, "level_kept", told)
        ready_at = None if past.last_ended_at is None else Timestamp(past.last_ended_at + spec.cool_down)
        if ready_at is not None and view.timestamp < ready_at:
            return _glance(Again(on_change=True, at_time=ready_at), memory, "cooling_down", told)
        # It stays below until an action lands, whether the answer changes or not.
        again = Again(on_change=True, at_block=view.block_number + 1)
        facts = {"level": str(level), "below": str(spec.below.base_units)}
        return Glance(fires=True, again=again, memory=memory, code="level_low", why=told, facts=facts)

    def caps(self, spec: TopUpSpec) -> tuple[JobCap, ...]:
        symbol, decimals = spec.to.token.symbol, spec.to.token.decimals
        found = []
        if spec.per_day is not None:
            found.append(
                JobCap(MOVED_PER_DAY, spec.per_day.base_units, per_day=True, unit=symbol, decimals=decimals)
            )
        if spec.total is not None:
            found.append(
                JobCap(MOVED_IN_ALL, spec.total.base_units, per_day=False, unit=symbol, decimals=decimals)
            )
        if spec.actions_per_day is not None:
            found.append(JobCap(ACTIONS_PER_DAY, spec.actions_per_day, per_day=True, unit="actions"))
        return tuple(found)

    def outcome_reads(self, spec: TopUpSpec, account: Address) -> tuple[Read, ...]:
        # One action of a limited size may leave it below the level, and the next one goes on.
        return () if spec.largest < spec.to.base_units else (spec.level_read(account),)

    def outcome(self, spec: TopUpSpec, account: Address, view: ChainView) -> Delivery:
        if spec.largest < spec.to.base_units:
            return Delivered()
        level = view.uint(spec.level_read(account))
        if level is None:
            return NotDelivered("level_unknown", f"the {spec.keep} of {spec.of} cannot be read")
        if level < spec.below.base_units:
            return NotDelivered("still_low", f"{spec.text(level)} there after the action, not {spec.below}")
        return Delivered()


def _funds_read(spec: TopUpSpec, account: Address) -> Read:
    token = spec.to.token.address
    return erc20.native_balance(account) if token is None else erc20.balance_of(token, account)


def _missing(spec: TopUpSpec, level: int) -> int:
    return min(spec.to.base_units - level, spec.largest)


def _in_all(spec: TopUpSpec, uses: int) -> int:
    most = spec.largest * uses
    return most if spec.total is None else min(most, spec.total.base_units)


def _capped(spec: TopUpSpec, view: ChainView, units: int) -> Evaluation | None:
    left = view.left
    if spec.total is not None and left.get(MOVED_IN_ALL, spec.total.base_units) < units:
        room = left.get(MOVED_IN_ALL, 0)
        return Stop("total_reached", f"{spec.text(room)} left of {spec.total}, {spec.text(units)} needed")
    tomorrow = Timestamp((view.timestamp // DAY_S + 1) * DAY_S)
    if spec.per_day is not None and left.get(MOVED_PER_DAY, spec.per_day.base_units) < units:
        room = left.get(MOVED_PER_DAY, 0)
        why = f"{spec.text(room)} left of {spec.per_day} today, {spec.text(units)} needed"
        return Wait(tomorrow, "day_cap_reached", why)
    if spec.actions_per_day is not None and left.get(ACTIONS_PER_DAY, spec.actions_per_day) < 1:
        return Wait(tomorrow, "day_cap_reached", f"{spec.actions_per_day} actions made today")
    return None


def _short(spec: TopUpSpec, view: ChainView, account: Address, units: int) -> Evaluation | None:
    if spec.keep is Keep.ALLOWANCE:
        return None
    held = view.uint(_funds_read(spec, account))
    if held is None:
        return _later(spec, view, "balance_unknown", "the account's balance cannot be read")
    if held < units:
        why = f"{spec.text(held)} held, {spec.text(units)} needed"
        return _later(spec, view, "insufficient_balance", why)
    return None


def _glance(again: Again, memory: Memory, code: str, why: str, *, alarm: bool = False) -> Glance:
    return Glance(fires=False, again=again, memory=memory, code=code, why=why, alarm=alarm)


def _later(spec: TopUpSpec, view: ChainView, code: str, why: str) -> Wait:
    return Wait(Timestamp(view.timestamp + spec.recheck), code, why)


def _act(spec: TopUpSpec, level: int, units: int) -> Act:
    intent = {
        "token": str(spec.to.token.address) if spec.to.token.address else "native",
        "to": str(spec.of),
        "amount": str(units),
        "level": str(level),
        "text": f"bring the {spec.keep} of {spec.of} from {spec.text(level)} with {spec.text(units)}",
    }
    spends = {MOVED_PER_DAY: spec.per_day, MOVED_IN_ALL: spec.total}
    moved = tuple(Spend(name, units) for name, cap in spends.items() if cap is not None)
    counted = () if spec.actions_per_day is None else (Spend(ACTIONS_PER_DAY, 1),)
    return Act(_calls(spec, units), intent, (*moved, *counted))


def _calls(spec: TopUpSpec, units: int) -> tuple[Call, ...]:
    token = spec.to.token.address
    if spec.keep is Keep.DEPOSIT:
        return (Call(spec.entry_point, Wei(units), DEPOSIT_TO + erc20.word(spec.of)),)
    if token is None:
        return (Call(spec.of, Wei(units), b""),)
    if spec.keep is Keep.BALANCE:
        return (erc20.transfer(token, spec.of, units),)
    # Some tokens refuse to change an allowance that is not zero.
    return tuple(_approve(token, spec.of, amount) for amount in (0, spec.to.base_units))


def _approve(token: Address, spender: Address, amount: int) -> Call:
    return Call(token, Wei(0), APPROVE + erc20.word(spender) + erc20.word(amount))


def _moved(spec: TopUpSpec, logs: Sequence[EventLog], token: Address, topics: tuple[bytes, ...]) -> Delivery:
    """Say whether something went there, and no more than one action moves."""
    mine = [log for log in logs if log.address == token and tuple(map(bytes, log.topics)) == topics]
    units = sum(int.from_bytes(log.data[:32], "big") for log in mine)
    if 0 < units <= spec.largest:
        return Delivered()
    if units == 0:
        return NotDelivered("no_transfer", f"no log of {token} says so")
    why = f"{spec.text(units)} went to {spec.of}, one action moves {spec.text(spec.largest)} at most"
    return NotDelivered("too_much_moved", why)


def _logged(logs: Sequence[EventLog], contract: Address, topics: tuple[bytes, ...], code: str) -> Delivery:
    if any(log.address == contract and tuple(map(bytes, log.topics)) == topics for log in logs):
        return Delivered()
    return NotDelivered(code, f"no log of {contract} says so")


TOP_UP = TopUp()
