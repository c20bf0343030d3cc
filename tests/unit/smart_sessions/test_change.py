"""What an edit makes wider and what narrower; in doubt wider."""

from dataclasses import replace

import pytest

from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, OWNABLE_VALIDATOR, PSEUDO_TARGET
from agent.smart_sessions.change import Direction, changes
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction

USDC, OTHER, STRANGER = (Address(bytes(19) + bytes([number])) for number in (7, 8, 9))
TRANSFER = bytes.fromhex("a9059cbb")
W, N = Direction.WIDER, Direction.NARROWER


def uses(limit: int) -> PolicyData:
    return PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(limit)))


def frame(after: int, until: int) -> PolicyData:
    config = time_frame.TimeFrame(Timestamp(after), Timestamp(until))
    return PolicyData(time_frame.ADDRESS, time_frame.encode(config))


def gas(units: int, cost: int) -> PolicyData:
    return PolicyData(simple_gas.ADDRESS, simple_gas.encode(simple_gas.SimpleGas(Gas(units), Wei(cost))))


def value(limit: int) -> PolicyData:
    return PolicyData(value_limit.ADDRESS, value_limit.encode(value_limit.ValueLimit(Wei(limit))))


def spending(**limits: int) -> PolicyData:
    names = {"usdc": USDC, "other": OTHER}
    listed = tuple(erc20_spending_limit.TokenLimit(names[name], units) for name, units in limits.items())
    config = erc20_spending_limit.SpendingLimits(listed)
    return PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(config))


def rules(*rules: Rule, each: int = 0) -> PolicyData:
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(each), rules)))


def rule(condition: Condition, number: int, limit: int | None = None, used: int = 0) -> Rule:
    return Rule(condition, 32, number.to_bytes(32, "big"), limit, used)


def on_operations(*policies: PolicyData) -> Session:
    return Session(OWNABLE_VALIDATOR, b"", Hash32(bytes(32)), user_op_policies=policies)


def on_transfer(*policies: PolicyData, target: Address = USDC) -> ActionData:
    return ActionData(TRANSFER, target, policies)


def with_actions(*actions: ActionData) -> Session:
    return Session(OWNABLE_VALIDATOR, b"", Hash32(bytes(32)), actions=actions)


def directions(before: Session, after: Session) -> list[Direction]:
    return [change.direction for change in changes(before, after)]


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (uses(3), uses(4)),
        (frame(0, 100), frame(0, 101)),
        (frame(5, 100), frame(5, 0)),
        (frame(5, 100), frame(4, 100)),
        (gas(10, 10), gas(11, 10)),
        (gas(10, 10), gas(10, 11)),
        (value(1), value(2)),
        (spending(usdc=5), spending(usdc=6)),
        (spending(usdc=5), spending(usdc=5, other=1)),
        (rules(rule(Condition.LESS_OR_EQUAL, 5)), rules(rule(Condition.LESS_OR_EQUAL, 6))),
        (rules(rule(Condition.GREATER_THAN, 6)), rules(rule(Condition.GREATER_THAN, 5))),
        (rules(rule(Condition.EQUAL, 5, 9)), rules(rule(Condition.EQUAL, 5, 10))),
        (rules(rule(Condition.EQUAL, 5, 9)), rules(rule(Condition.EQUAL, 5))),
        (rules(rule(Condition.EQUAL, 5), each=1), rules(rule(Condition.EQUAL, 5), each=2)),
        (
            rules(rule(Condition.EQUAL, 5), rule(Condition.NOT_EQUAL, 6)),
            rules(rule(Condition.EQUAL, 5)),
        ),
    ],
)
def test_a_raised_limit_is_wider_and_a_lowered_one_narrower(less: PolicyData, more: PolicyData) -> None:
    small, large = with_actions(on_transfer(less)), with_actions(on_transfer(more))
    assert directions(small, large) == [W]
    assert directions(large, small) == [N]
    assert directions(small, small) == []


def test_both_ways_at_once_are_wider() -> None:
    assert directions(on_operations(gas(10, 10)), on_operations(gas(11, 9))) == [W]
    assert directions(
        with_actions(on_transfer(rules(rule(Condition.EQUAL, 5)))),
        with_actions(on_transfer(rules(rule(Condition.EQUAL, 6)))),
    ) == [W]


def test_a_policy_that_goes_is_wider_and_one_that_comes_narrower() -> None:
    one, two = on_operations(uses(3)), on_operations(uses(3), value(1))
    assert directions(one, two) == [N]
    assert directions(two, one) == [W]


def test_the_first_policy_on_operations_lets_a_paymaster_pay() -> None:
    before = replace(on_operations(), permit_erc4337_paymaster=True)
    after = replace(on_operations(uses(3)), permit_erc4337_paymaster=True)
    assert directions(before, after) == [W]


def test_a_function_that_comes_is_wider_and_one_that_goes_narrower() -> None:
    one = with_actions(on_transfer(uses(1)))
    two = with_actions(on_transfer(uses(1)), on_transfer(uses(1), target=OTHER))
    assert directions(one, two) == [W]
    assert directions(two, one) == [N]


def test_a_function_that_falls_to_the_fallback_is_wider() -> None:
    fallback = ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (PolicyData(sudo.ADDRESS, b""),))
    before, after = with_actions(on_transfer(uses(1)), fallback), with_actions(fallback)
    assert directions(before, after) == [W]


def test_an_action_without_policies_counts_as_absent() -> None:
    assert directions(with_actions(on_transfer()), with_actions(on_transfer(uses(1)))) == [W]
    assert directions(with_actions(on_transfer(uses(1))), with_actions(on_transfer())) == [N]


def test_a_policy_nobody_knows_is_wider_when_it_changes() -> None:
    before, after = (with_actions(on_transfer(PolicyData(STRANGER, data))) for data in (b"1", b"2"))
    assert directions(before, after) == [W]


def test_bytes_that_the_contract_ignores_change_nothing() -> None:
    trailing = replace(uses(3), init_data=uses(3).init_data + b"\x01")
    assert directions(on_operations(uses(3)), on_operations(trailing)) == []


def test_of_a_policy_listed_twice_the_last_counts() -> None:
    assert directions(on_operations(uses(3)), on_operations(uses(9), uses(3))) == []


def test_a_rule_that_starts_less_used_is_wider() -> None:
    before = with_actions(on_transfer(rules(rule(Condition.EQUAL, 5, 9, used=4))))
    after = with_actions(on_transfer(rules(rule(Condition.EQUAL, 5, 9))))
    assert directions(before, after) == [W]


def test_a_paymaster_is_a_right() -> None:
    before, after = on_operations(uses(1)), replace(on_operations(uses(1)), permit_erc4337_paymaster=True)
    assert directions(before, after) == [W]
    assert directions(after, before) == [N]
