"""A contract call: one function with fixed arguments, by schedule or when the chain says so."""

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
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleCall, PossibleOperation
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.token import decimal_text
from agent.domain.units import Address, Timestamp, Wei
from agent.domain.watching import NEVER, Again, Firings, Glance, JobCap, LogFilter, Memory, Spend
from jobs import erc20
from jobs.conditions.source import Claim, refuted
from jobs.conditions.trigger import glance
from jobs.conditions.verdict import FALSE, TRUE, either
from jobs.contract_call_spec import ContractCallSpec, objections
from jobs.kind import EventLog, Kind, Timing

DAY_S = 86_400
CALLS_IN_ALL, CALLS_PER_DAY, VALUE_PER_DAY = "calls_in_all", "calls_per_day", "value_per_day"
SPENDING_OFFSETS = {"a9059cbb": 32, "095ea7b3": 32, "39509351": 32, "23b872dd": 64}
"""Where transfer, approve, increaseAllowance and transferFrom of a token have their amount."""


class ContractCall(Kind[ContractCallSpec]):
    """The kind `contract_call`: the general tool."""

    name = "contract_call"
    spec_model = ContractCallSpec
    timing = Timing.EITHER

    def identity(self, spec: ContractCallSpec) -> Mapping[str, str]:
        return {"to": str(spec.to), "function": spec.function.signature}

    def objections(self, spec: ContractCallSpec, account: Address) -> Mapping[str, str]:
        return objections(spec, account)

    def reads(self, spec: ContractCallSpec, account: Address) -> tuple[Read, ...]:
        asked = () if spec.only_if is None else spec.only_if.condition(account).reads()
        claimed = (claim.read for claim in _claims(spec, account))
        funds = (erc20.native_balance(account),) if spec.value else ()
        return tuple(dict.fromkeys((*asked, *claimed, *funds)))

    def evaluate(self, spec: ContractCallSpec, view: ChainView, occurrence: Occurrence) -> Evaluation:
        account = occurrence.account
        return (
            _refuted(spec, view, account)
            or _held_back(spec, view, account)
            or _capped(spec, view)
            or _short(spec, view, account)
            or Act((_call(spec, account),), _intent(spec), _spends(spec))
        )

    def confirm(self, spec: ContractCallSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        # That the call succeeded is all that its logs can show; `expect` asks the chain itself.
        return Delivered()

    def requirements(
        self, spec: ContractCallSpec, account: Address, uses: int
    ) -> tuple[ActionRequirement, ...]:
        data = spec.call_data(account)
        rules = tuple(
            ArgumentRule(
                f"word {at // 32}", at, Comparison.EQUAL, int.from_bytes(data[4 + at : 36 + at], "big")
            )
            for at in range(0, len(data) - 4, 32)
        )
        value_wei, offset = spec.value or Wei(0), SPENDING_OFFSETS.get(data[:4].hex())
        if offset is None:
            return (ActionRequirement(spec.to, data[:4], uses, rules, value_wei),)
        amount = int.from_bytes(data[4 + offset : 36 + offset], "big")
        return (ActionRequirement(spec.to, data[:4], uses, rules, value_wei, spec.to, amount * uses),)

    def possible_operations(
        self, spec: ContractCallSpec, account: Address, uses: int
    ) -> tuple[PossibleOperation, ...]:
        return (PossibleOperation((PossibleCall(_call(spec, account)),), uses),)

    def watch_reads(self, spec: ContractCallSpec, account: Address) -> tuple[Read, ...]:
        return () if spec.when is None else spec.when.condition(account).reads()

    def watch(
        self, spec: ContractCallSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        over = _over(spec, view, memory, past)
        if over is not None or spec.when is None:
            return over or super().watch(spec, account, view, memory, past)
        seen = glance(spec.when.condition(account), view, memory, edge=not spec.repeat)
        if not seen.fires:
            return seen
        ready_at = None if past.last_ended_at is None else Timestamp(past.last_ended_at + spec.cool_down)
        if ready_at is not None and view.timestamp < ready_at:
            # It keeps what it remembered, and so stays armed.
            again = either(seen.again, Again(at_time=ready_at))
            return seen._replace(fires=False, again=again, memory=memory, code="cooling_down")
        # While an earlier call is on its way this firing is put aside, and looked for again.
        return seen._replace(again=either(seen.again, Again(at_block=view.block_number + 1)))

    def log_filters(self, spec: ContractCallSpec, account: Address) -> tuple[LogFilter, ...]:
        trigger = None if spec.when is None else spec.when.log_trigger(account)
        return () if trigger is None else (trigger.filter,)

    def log_fires(self, spec: ContractCallSpec, account: Address, log: EventLog) -> bool:
        trigger = None if spec.when is None else spec.when.log_trigger(account)
        return trigger is not None and trigger.fires(log)

    def caps(self, spec: ContractCallSpec) -> tuple[JobCap, ...]:
        found = []
        if spec.times is not None:
            found.append(JobCap(CALLS_IN_ALL, spec.times, per_day=False, unit="calls"))
        if spec.per_day is not None:
            found.append(JobCap(CALLS_PER_DAY, spec.per_day, per_day=True, unit="calls"))
        if spec.value_per_day is not None and spec.value:
            found.append(JobCap(VALUE_PER_DAY, spec.value_per_day, per_day=True, unit="ether", decimals=18))
        return tuple(found)

    def slot_spends(self, spec: ContractCallSpec) -> tuple[Spend, ...]:
        return _spends(spec)

    def expected_uses(self, spec: ContractCallSpec) -> int | None:
        return spec.times

    def ends_at(self, spec: ContractCallSpec) -> Timestamp | None:
        return spec.until

    def outcome_reads(self, spec: ContractCallSpec, account: Address) -> tuple[Read, ...]:
        return () if spec.expect is None else spec.expect.condition(account).reads()

    def outcome(self, spec: ContractCallSpec, account: Address, view: ChainView) -> Delivery:
        if spec.expect is None:
            return Delivered()
        judged = spec.expect.condition(account).judge(view, {})
        if judged.verdict is TRUE:
            return Delivered()
        code = "not_as_expected" if judged.verdict is FALSE else "expectation_unknown"
        return NotDelivered(code, judged.why)


def _over(spec: ContractCallSpec, view: ChainView, memory: Memory, past: Firings) -> Glance | None:
    if spec.times is not None and past.succeeded >= spec.times:
        why = f"all {spec.times} calls are made"
        return Glance(fires=False, again=NEVER, memory=memory, code="all_made", why=why)
    if spec.until is not None and view.timestamp > spec.until:
        why = f"it fires up to {spec.until}"
        return Glance(fires=False, again=NEVER, memory=memory, code="ended", why=why)
    return None


def _claims(spec: ContractCallSpec, account: Address) -> tuple[Claim, ...]:
    """Return what the file says of the contracts that its conditions look at."""
    trees = (spec.when, spec.only_if)
    found = (claim for tree in trees if tree is not None for claim in tree.condition(account).claims())
    return tuple(dict.fromkeys(found))


def _refuted(spec: ContractCallSpec, view: ChainView, account: Address) -> Evaluation | None:
    wrong = refuted(_claims(spec, account), view)
    return None if wrong is None else _later(spec, view, wrong.code, wrong.why)


def _held_back(spec: ContractCallSpec, view: ChainView, account: Address) -> Evaluation | None:
    if spec.only_if is None:
        return None
    judged = spec.only_if.condition(account).judge(view, {})
    if judged.verdict is TRUE:
        return None
    if judged.verdict is FALSE:
        return Skip(judged.code, f"only_if does not hold: {judged.why}")
    return _later(spec, view, judged.code, f"only_if cannot be told: {judged.why}")


def _capped(spec: ContractCallSpec, view: ChainView) -> Evaluation | None:
    left = view.left
    if spec.times is not None and left.get(CALLS_IN_ALL, spec.times) < 1:
        return Stop("all_made", f"all {spec.times} calls are made")
    tomorrow = Timestamp((view.timestamp // DAY_S + 1) * DAY_S)
    if spec.per_day is not None and left.get(CALLS_PER_DAY, spec.per_day) < 1:
        return Wait(tomorrow, "day_cap_reached", f"{spec.per_day} calls were made today")
    value_wei = spec.value or 0
    if spec.value_per_day is not None and left.get(VALUE_PER_DAY, spec.value_per_day) < value_wei:
        why = f"{_ether(left.get(VALUE_PER_DAY, 0))} left today, {_ether(value_wei)} needed"
        return Wait(tomorrow, "day_cap_reached", why)
    return None


def _short(spec: ContractCallSpec, view: ChainView, account: Address) -> Evaluation | None:
    if not spec.value:
        return None
    held = view.uint(erc20.native_balance(account))
    if held is None:
        return _later(spec, view, "balance_unknown", "the account's balance cannot be read")
    if held < spec.value:
        why = f"{_ether(held)} held, {_ether(spec.value)} needed"
        return _later(spec, view, "insufficient_balance", why)
    return None


def _later(spec: ContractCallSpec, view: ChainView, code: str, why: str) -> Wait:
    return Wait(Timestamp(view.timestamp + spec.recheck), code, why)


def _call(spec: ContractCallSpec, account: Address) -> Call:
    return Call(spec.to, spec.value or Wei(0), spec.call_data(account))


def _intent(spec: ContractCallSpec) -> dict[str, str]:
    value = f" with {_ether(spec.value)}" if spec.value else ""
    return {
        "to": str(spec.to),
        "function": spec.function.signature,
        "value": str(spec.value or 0),
        "text": f"call {spec.function.signature} of {spec.to}{value}",
    }


def _spends(spec: ContractCallSpec) -> tuple[Spend, ...]:
    found = []
    if spec.times is not None:
        found.append(Spend(CALLS_IN_ALL, 1))
    if spec.per_day is not None:
        found.append(Spend(CALLS_PER_DAY, 1))
    if spec.value_per_day is not None and spec.value:
        found.append(Spend(VALUE_PER_DAY, spec.value))
    return tuple(found)


def _ether(wei: int) -> str:
    return f"{decimal_text(wei, 18)} ether"


CONTRACT_CALL = ContractCall()
