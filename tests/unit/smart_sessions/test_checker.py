"""The compiled session says what the exact walk says, about sessions and operations of every shape."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.budget import Cleared
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData
from agent.domain.units import Address, Gas, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Counters, Grant
from agent.smart_sessions.policies import POLICIES, arg, contract_whitelist, uni_action
from agent.smart_sessions.policies.arg import ArgRules
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER, TRANSFER_FROM
from agent.smart_sessions.policies.policy import Charge
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.preflight import limits, preflight
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
    AMOUNT_RULES,
    END,
    GAS,
    NOW,
    OTHER,
    PAYEE,
    SPENDING,
    SUDO,
    TIME,
    TOKEN,
    USES,
    VALUE,
    a_grant,
    a_transfer,
    an_operation,
    seen,
)

RULE = Rule(Condition.LESS_OR_EQUAL, 32, (50).to_bytes(32, "big"), limit=80)
TO_PAYEE = Rule(Condition.EQUAL, 0, bytes(12) + PAYEE)
IN_RANGE = Rule(Condition.IN_RANGE, 32, (5).to_bytes(16, "big") + (60).to_bytes(16, "big"))
TREE = PolicyData(
    arg.ADDRESS,
    arg.encode(
        ArgRules(
            Wei(5),
            2,
            (RULE, TO_PAYEE),
            (Node(Kind.RULE), Node(Kind.RULE, rule=1), Node(Kind.OR, left=1, right=0)),
        )
    ),
)
RANGE = PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(3), (IN_RANGE, RULE))))
LISTED = PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(ContractWhitelist((TOKEN, PAYEE))))

ON_OPERATIONS = (TIME, USES, GAS, VALUE, SUDO)
ON_ACTIONS = (SPENDING, AMOUNT_RULES, RANGE, USES, VALUE, TIME, SUDO, LISTED, TREE)
PLACES = (
    (TRANSFER, TOKEN),
    (APPROVE, TOKEN),
    (TRANSFER_FROM, TOKEN),
    (TRANSFER, PAYEE),
    (b"\xff" * 4, PAYEE),
    (FALLBACK_SELECTOR, PSEUDO_TARGET),
)

addresses = st.sampled_from([TOKEN, PAYEE, OTHER, ACCOUNT, PSEUDO_TARGET, SMART_SESSION])
amounts = st.one_of(st.integers(0, 130), st.sampled_from([2**128, 2**255, 2**256 - 1]))
words = st.one_of(addresses.map(lambda item: bytes(12) + item), amounts.map(lambda n: n.to_bytes(32, "big")))


def distinct(policies: tuple[PolicyData, ...], largest: int) -> st.SearchStrategy[list[PolicyData]]:
    return st.lists(
        st.sampled_from(policies), max_size=largest, min_size=1, unique_by=lambda item: item.policy
    )


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    further = draw(st.lists(st.sampled_from(PLACES), max_size=2, unique=True))
    places = dict.fromkeys([*further, *draw(st.sampled_from([PLACES[:1]] * 4 + [()]))]) or PLACES[:1]
    actions = [
        ActionData(selector, target, tuple(draw(distinct(ON_ACTIONS, 4)))) for selector, target in places
    ]
    whole = draw(st.one_of(st.just([]), distinct(ON_OPERATIONS, 3)))
    return a_grant(*actions, on_operations=whole, permit_paymaster=draw(st.booleans()))


@st.composite
def calls(draw: st.DrawFn) -> Call:
    selector = draw(st.sampled_from([TRANSFER, TRANSFER, APPROVE, TRANSFER_FROM, b"", b"\x01\x02"]))
    data = selector + b"".join(draw(st.lists(words, max_size=4))) if len(selector) == 4 else selector
    cut = draw(st.sampled_from([0, 0, 0, 0, 1, 31]))
    target = draw(st.one_of(st.just(TOKEN), addresses))
    value = draw(st.sampled_from([0, 0, 0, 1, 7, 60]))
    usual = draw(st.booleans())
    return (
        a_transfer(draw(st.integers(0, 120))) if usual else Call(target, Wei(value), data[: len(data) - cut])
    )


@st.composite
def operations(draw: st.DrawFn) -> UserOperation:
    op = an_operation(
        *draw(
            st.one_of(st.lists(calls(), min_size=1, max_size=1), st.lists(calls(), min_size=2, max_size=3))
        ),
        gas=draw(st.sampled_from([0, 30, 30, 30, 999, 1000, 1001])),
        max_fee=draw(st.sampled_from([1, 4, 5, 6])),
    )
    if draw(st.integers(0, 5)) == 0:
        op = replace(op, paymaster=PaymasterFields(OTHER, Gas(draw(st.integers(0, 20))), Gas(1), b""))
    return replace(op, call_data=draw(st.sampled_from([op.call_data] * 20 + _damaged(op.call_data))))


def _damaged(call_data: bytes) -> list[bytes]:
    return [call_data[:-1], call_data[:100], b"", call_data[:5] + b"\x01" + call_data[6:]]


def moved(grant: Grant, now: Counters, used: Mapping[int, int]) -> Counters:
    """Return the counters with as much used of each limit as given, by its number."""
    state = now.state.copy()
    for number, use in enumerate(limits(grant, now)):
        place = use.key.policy, use.key.config_id
        charge = Charge(use.key.part, used.get(number, 0))
        state.policies[place] = POLICIES[place[0]].charged(state.policies[place], charge)
    return replace(now, state=state)


@settings(max_examples=600)
@given(
    grants(),
    operations(),
    st.dictionaries(st.integers(0, 5), st.sampled_from([1, 2, 19, 40, 100]), max_size=2),
    st.dictionaries(st.integers(0, 5), st.sampled_from([1, 2, 19, 40, 100]), max_size=2),
    st.sampled_from([NOW, NOW, END, Timestamp(END + 1)]),
)
def test_speed_changes_no_verdict(
    grant: Grant, op: UserOperation, used: dict[int, int], held: dict[int, int], at: Timestamp
) -> None:
    now = moved(grant, seen(grant), used)
    keys = [str(use.key) for use in limits(grant, now)]
    reserved = {key: held[number] for number, key in enumerate(keys) if number in held}

    assert Checker(grant).decide(now, reserved, op, at) == preflight(grant, now, reserved, op, at)


@pytest.mark.parametrize("policy", ON_ACTIONS, ids=lambda item: str(item.policy)[-4:])
def test_every_policy_on_an_action_is_decided_at_speed(policy: PolicyData) -> None:
    grant = a_grant(ActionData(TRANSFER, TOKEN, (policy,)), on_operations=ON_OPERATIONS)

    quick = Checker(grant).consumption(seen(grant), {}, an_operation(a_transfer(9)), NOW)

    slow = preflight(grant, seen(grant), {}, an_operation(a_transfer(9)), NOW)
    assert isinstance(slow, Cleared)
    assert quick == slow.consumption


def test_batch_is_decided_at_speed() -> None:
    grant = a_grant(ActionData(TRANSFER, TOKEN, (SPENDING, USES)))
    checker, now = Checker(grant), seen(grant)

    quick = checker.consumption(now, {}, an_operation(a_transfer(40), a_transfer(60)), NOW)

    assert quick is not None
    assert [item.amount for item in quick] == [100, 2]
    assert checker.consumption(now, {}, an_operation(a_transfer(40), a_transfer(61)), NOW) is None


def test_lists_in_force_are_those_of_the_chain() -> None:
    grant = a_grant(ActionData(TRANSFER, TOKEN, (SPENDING, USES)))
    now = seen(grant)
    (listed,) = now.state.sessions[grant.permission_id].actions.values()
    listed.remove(USES.policy)

    verdict = Checker(grant).decide(now, {}, an_operation(), NOW)

    assert isinstance(verdict, Cleared)
    assert [item.limit_key.rsplit("/", 1)[1] for item in verdict.consumption] == [str(TOKEN)]


def test_one_session_s_compiled_form_is_not_another_s() -> None:
    loose = a_grant(ActionData(TRANSFER, TOKEN, (SUDO,)))
    strict = a_grant(ActionData(TRANSFER, TOKEN, (SPENDING,)))
    op = an_operation(a_transfer(101))

    assert isinstance(Checker(loose).decide(seen(loose), {}, op, NOW), Cleared)
    assert not isinstance(Checker(strict).decide(seen(strict), {}, op, NOW), Cleared)


def test_address_is_compared_whole() -> None:
    grant = a_grant(ActionData(TRANSFER, TOKEN, (SPENDING,)))
    neighbour = Address(TOKEN[:19] + b"\x71")

    assert (
        Checker(grant).consumption(seen(grant), {}, an_operation(a_transfer(1, token=neighbour)), NOW) is None
    )
