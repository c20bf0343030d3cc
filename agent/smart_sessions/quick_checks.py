"""What each policy asks of one call, without words: a plain yes, or a no for the exact walk to explain.

A check may answer no to what the policy allows, never yes to what it refuses.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agent.domain.budget import LimitKey
from agent.domain.units import Address, Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.smart_sessions.grant import Grant, slot_of
from agent.smart_sessions.policies import (
    POLICIES,
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.counter import Counter
from agent.smart_sessions.policies.policy import MAX_UINT48, ActionCall, Allowed, Charge
from agent.smart_sessions.policies.simple_gas import GasCounters
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, UniAction, holds

_NO_PADDING = bytes(12)


class Question:
    """One operation, and what its calls have taken so far; `target`, `value` and `data` are of one call."""

    __slots__ = ("at", "data", "op", "reserved", "taken", "target", "value", "values")

    def __init__(self, op: UserOperation, at: Timestamp, reserved: Mapping[str, int]) -> None:
        self.op = op
        self.at = at
        self.reserved = reserved
        self.taken: dict[str, tuple[int, int, int]] = {}
        """By limit key: the amount, and limit and use as the chain has them."""
        self.values = 0
        """Of all calls together."""
        self.target = b""
        self.value = 0
        self.data = b""

    def take(self, key: str, limit: int, used: int, amount: int) -> bool:
        """Take an amount from a limit; return False when it has less than that."""
        before = self.taken.get(key)
        total = amount if before is None else amount + before[0]
        if used + self.reserved.get(key, 0) + total > limit:
            return False
        self.taken[key] = (total, limit, used)
        return True


Check = Callable[[Any, Question], bool]
"""Asked with the policy's state as the chain has it."""


def check_on_operations(grant: Grant, config_id: Hash32, policy: Address, init_data: bytes) -> Check | None:
    """Return the check of a policy on whole operations; None for one that only the walk can ask."""
    maker = _ON_OPERATIONS.get(policy)
    return None if maker is None else maker(_Place(grant, config_id, policy, init_data))


def check_on_action(grant: Grant, config_id: Hash32, policy: Address, init_data: bytes) -> Check | None:
    """Return the check of a policy on one action; None for one that only the walk can ask."""
    maker = _ON_ACTIONS.get(policy)
    return None if maker is None else maker(_Place(grant, config_id, policy, init_data))


class _Place:
    def __init__(self, grant: Grant, config_id: Hash32, policy: Address, init_data: bytes) -> None:
        self.grant = grant
        self.config_id = config_id
        self.policy = policy
        self.init_data = init_data

    def key(self, part: str = "") -> str:
        """Return the text form of a limit's key."""
        return str(LimitKey(self.grant.chain_id, self.grant.permission_id, self.config_id, self.policy, part))


def _always(_: _Place) -> Check:
    return lambda _state, _question: True


def _window(_: _Place) -> Check:
    def check(state: TimeFrame, question: Question) -> bool:
        after, until = state.valid_after, state.valid_until
        return bool(after or until) and after <= question.at <= (until or MAX_UINT48)

    return check


def _one_use(place: _Place) -> Check:
    key = place.key()

    def check(state: Counter, question: Question) -> bool:
        return question.take(key, state.limit, state.used, 1)

    return check


def _value_of_all(place: _Place) -> Check:
    key = place.key()

    def check(state: Counter, question: Question) -> bool:
        return question.take(key, state.limit, state.used, question.values)

    return check


def _value_of_call(place: _Place) -> Check:
    key = place.key()

    def check(state: Counter, question: Question) -> bool:
        return question.take(key, state.limit, state.used, question.value)

    return check


def _gas(place: _Place) -> Check:
    gas_key, cost_key = place.key(simple_gas.GAS), place.key(simple_gas.COST)

    def check(state: GasCounters, question: Question) -> bool:
        op, payer = question.op, question.op.paymaster
        gas: int = op.pre_verification_gas + op.verification_gas_limit + op.call_gas_limit
        if payer is not None:
            gas += payer.paymaster_verification_gas_limit + payer.paymaster_post_op_gas_limit
        # At the worst base fee the price is the maximum fee, whatever the priority fee.
        cost = gas * op.max_fee_per_gas
        return question.take(gas_key, state.gas.limit, state.gas.used, gas) and question.take(
            cost_key, state.cost.limit, state.cost.used, cost
        )

    return check


def _spending(place: _Place) -> Check:
    try:
        limits = erc20_spending_limit.decode(place.init_data).limits
    except ValueError:
        return _never
    known: dict[bytes, tuple[Address, str]] = {
        item.token: (item.token, place.key(str(item.token))) for item in limits
    }
    account = _NO_PADDING + place.grant.account

    def check(state: erc20_spending_limit.Tokens, question: Question) -> bool:
        found = known.get(question.target)
        amount = _spent(question.data, account)
        if found is None or amount is None or question.value:
            return False
        token, key = found
        use = state.get(token)
        if use is None or not use.limit:
            return False
        return question.take(key, use.limit, use.spent + use.approved, amount)

    return check


def _spent(data: bytes, account: bytes) -> int | None:
    selector = data[:4]
    if selector == erc20_spending_limit.TRANSFER_FROM:
        if len(data) < 100 or data[4:16] != _NO_PADDING or data[36:48] != _NO_PADDING:
            return None
        return 0 if data[36:68] == account else int.from_bytes(data[68:100], "big")
    if selector not in _TWO_WORDS or len(data) < 68 or data[4:16] != _NO_PADDING:
        return None
    return int.from_bytes(data[36:68], "big")


_TWO_WORDS = frozenset(
    (
        erc20_spending_limit.TRANSFER,
        erc20_spending_limit.APPROVE,
        erc20_spending_limit.INCREASE_ALLOWANCE,
    )
)


def _rules(place: _Place) -> Check:
    keys = tuple(place.key(f"rule{index}") for index in range(_rule_count(place.init_data)))

    def check(state: UniAction, question: Question) -> bool:
        rules = state.rules
        if not rules or len(rules) > len(keys) or question.value > state.value_limit_per_use_wei:
            return False
        for key, rule in zip(keys, rules, strict=False):
            start = 4 + rule.offset
            word = question.data[start : start + 32]
            if len(word) != 32 or not _matches(rule.condition, word, rule.reference):
                return False
            if rule.limit is not None and not question.take(
                key, rule.limit, rule.used, int.from_bytes(word, "big")
            ):
                return False
        return True

    return check


def _rule_count(init_data: bytes) -> int:
    try:
        return len(uni_action.decode(init_data).rules)
    except ValueError:
        return 0


def _matches(condition: Condition, word: bytes, reference: bytes) -> bool:
    if condition is Condition.EQUAL:
        return word == reference
    return holds(condition, int.from_bytes(word, "big"), int.from_bytes(reference, "big"))


def _listed(_: _Place) -> Check:
    def check(state: contract_whitelist.Targets, question: Question) -> bool:
        return question.target in state

    return check


def _tree(place: _Place) -> Check:
    policy, slot = POLICIES[place.policy], slot_of(place.grant, place.config_id)

    def check(state: Any, question: Question) -> bool:  # noqa: ANN401 - the policy's own
        parts = {place.key(part.name): part for part in policy.parts(state)}
        if not parts.keys().isdisjoint(question.taken):
            # A second call of the operation: how the first moved the rules is the walk's to say.
            return False
        for key, part in parts.items():
            state = policy.charged(state, Charge(part.name, question.reserved.get(key, 0)))
        call = ActionCall(place.grant.account, Address(question.target), question.value, question.data)
        answer = policy.check_action(slot, state, call)
        if not isinstance(answer, Allowed):
            return False
        for charge in answer.charges:
            key = place.key(charge.part)
            before = question.taken.get(key, (0, 0, 0))[0]
            question.taken[key] = (before + charge.amount, parts[key].limit, parts[key].used)
        return True

    return check


def _never(_state: object, _question: Question) -> bool:
    return False


_EVERYWHERE: dict[Address, Callable[[_Place], Check]] = {
    sudo.ADDRESS: _always,
    time_frame.ADDRESS: _window,
    time_frame.LEGACY_ADDRESS: _window,
    usage_limit.ADDRESS: _one_use,
}
_ON_OPERATIONS = _EVERYWHERE | {value_limit.ADDRESS: _value_of_all, simple_gas.ADDRESS: _gas}
_ON_ACTIONS = _EVERYWHERE | {
    value_limit.ADDRESS: _value_of_call,
    erc20_spending_limit.ADDRESS: _spending,
    uni_action.ADDRESS: _rules,
    contract_whitelist.ADDRESS: _listed,
    arg.ADDRESS: _tree,
}
