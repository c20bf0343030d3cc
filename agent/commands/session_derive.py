"""The least-privilege session for a need. Pure; the salt comes from outside."""

from collections.abc import Iterator

from agent.commands.session_need import SessionNeed, UnfitSession
from agent.definitions.registry import contracts
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Hash32, Timestamp, Wei
from agent.smart_sessions.lint.amounts import LEAST_LIMIT_WEI
from agent.smart_sessions.policies import (
    arg,
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg import all_of
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.signature import owners_init_data

CONDITIONS = {
    Comparison.EQUAL: Condition.EQUAL,
    Comparison.AT_MOST: Condition.LESS_OR_EQUAL,
    Comparison.AT_LEAST: Condition.GREATER_OR_EQUAL,
}


def derived_session(need: SessionNeed, key: Address, salt: Hash32) -> Session:
    """Return the session that allows the need and nothing else, for one key of an OwnableValidator."""
    if any(action.token_total > UINT256_MAX for action in need.actions) or need.cost_wei > UINT128_MAX:
        raise UnfitSession("the amounts of all periods together do not fit into the policies' counters")
    return Session(
        session_validator=contracts()["ownable_validator"].address,
        session_validator_init_data=owners_init_data(1, [key]),
        salt=salt,
        user_op_policies=(
            _policy("time_frame", time_frame.encode(time_frame.TimeFrame(Timestamp(0), need.until))),
            _policy("usage_limit", usage_limit.encode(usage_limit.UsageLimit(need.operations))),
            _policy("simple_gas", simple_gas.encode(simple_gas.SimpleGas(need.gas, need.cost_wei))),
        ),
        actions=tuple(_action(action) for action in need.actions),
        permit_erc4337_paymaster=need.paymaster,
    )


def _action(need: ActionRequirement) -> ActionData:
    return ActionData(need.selector, need.target, tuple(_guards(need)))


def _guards(need: ActionRequirement) -> Iterator[PolicyData]:
    if need.token is not None:
        limit = erc20_spending_limit.TokenLimit(need.token, need.token_total)
        spending = erc20_spending_limit.SpendingLimits((limit,))
        yield _policy("erc20_spending_limit", erc20_spending_limit.encode(spending))
    if need.rules:
        yield _rules_policy(need.value_per_use_wei, tuple(map(_rule, need.rules)))
    if need.value_total_wei or not (need.rules or need.token):
        # A call without arguments has nothing to pin: the least limit there is keeps coin from going along.
        limit_wei = value_limit.ValueLimit(need.value_total_wei or LEAST_LIMIT_WEI)
        yield _policy("value_limit", value_limit.encode(limit_wei))
    if need.token is None:
        # Nothing else would bound how often a call without a token may be made.
        yield _policy("usage_limit", usage_limit.encode(usage_limit.UsageLimit(need.uses)))


def _rules_policy(value_wei: Wei, rules: tuple[Rule, ...]) -> PolicyData:
    if len(rules) <= uni_action.MAX_RULES:
        return _policy("uni_action", uni_action.encode(UniAction(value_wei, rules)))
    if len(rules) > arg.MAX_RULES:
        raise UnfitSession(f"a call needs {len(rules)} rules on its arguments, {arg.MAX_RULES} are the most")
    return _policy("arg", arg.encode(all_of(value_wei, rules)))


def _rule(rule: ArgumentRule) -> Rule:
    return Rule(CONDITIONS[rule.comparison], rule.offset, rule.value.to_bytes(32, "big"))


def _policy(name: str, init_data: bytes) -> PolicyData:
    return PolicyData(contracts()[f"{name}_policy"].address, init_data)
