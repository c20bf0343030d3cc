"""A session covers a job when each of its calls passes the model, all of them together included."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, PossibleOperation, WordRange
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Gas, Timestamp, Wei
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, NATIVE_TRANSFER_SELECTOR, PSEUDO_TARGET
from agent.smart_sessions.cover import Demand, Gap, Period, cover
from agent.smart_sessions.cover.ask import ask
from agent.smart_sessions.grant import as_granted
from agent.smart_sessions.policies import arg, simple_gas, time_frame
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER
from agent.smart_sessions.policies.uni_action import Condition, Rule
from tests.unit.smart_sessions.lint_cases import (
    ACCOUNT,
    DAY_S,
    NOW,
    OTHER,
    PAYEE,
    ROUTER,
    SUDO,
    TO_PAYEE,
    TOKEN,
    a_session,
    about,
    frame,
    on,
    rule,
    rules,
    spending,
    uses,
    value,
    whitelist,
)
from tests.unit.smart_sessions.sample_order import BUY, SWAP, an_order, words

PERIODS = tuple(Period(Timestamp(NOW + n * DAY_S), Timestamp(NOW + n * DAY_S + 3_600)) for n in range(3))
GAS = PolicyData(simple_gas.ADDRESS, simple_gas.encode(simple_gas.SimpleGas(Gas(9_000_000), Wei(9 * 10**15))))
EVERY = (frame(), uses(3), GAS)
PAY_12 = PossibleCall(Call(TOKEN, Wei(0), TRANSFER + words(PAYEE, 12)))
AT_MOST_12 = rule(32, Condition.LESS_OR_EQUAL, 12)
PAYMENT = on(TOKEN, TRANSFER, spending(36), rules(TO_PAYEE, AT_MOST_12))


def demand(
    *calls: PossibleCall,
    times: int = 3,
    operations: Sequence[PossibleOperation] = (),
    periods: tuple[Period, ...] = PERIODS,
    paymaster: bool = False,
    cost_wei: int | None = 3 * 10**15,
) -> Demand:
    asked = tuple(operations) or (PossibleOperation(calls or (PAY_12,), times),)
    cost = None if cost_wei is None else Wei(cost_wei)
    return Demand(asked, periods, Gas(3_000_000), cost, needs_paymaster=paymaster)


def gaps(session: Session, *demands: Demand) -> list[tuple[str, int | None, int | None]]:
    return [(gap.code, gap.asked, gap.granted) for gap in found(session, *demands)]


def found(session: Session, *demands: Demand) -> tuple[Gap, ...]:
    grant = about(session).grant
    answer = cover(grant, as_granted(grant), demands or (demand(),))
    assert all(len(gap.remedy) > 10 for gap in answer)
    return answer


def transfer(least: int, most: int, total: int | None = None) -> PossibleCall:
    varies = (WordRange("amount", 32, least, most, total),)
    return PossibleCall(Call(TOKEN, Wei(0), TRANSFER + words(PAYEE, least)), varies)


def test_least_session_covers_its_payment() -> None:
    assert gaps(a_session(PAYMENT, every=EVERY)) == []


ORDER = an_order(slice_most=12, total=30, uses=3)
SWAPPING = on(
    ROUTER,
    SWAP,
    rules(
        rule(0, Condition.EQUAL, TOKEN), rule(32, Condition.EQUAL, BUY), rule(96, Condition.EQUAL, ACCOUNT)
    ),
)
APPROVING = on(TOKEN, APPROVE, spending(30), rules(rule(0, Condition.EQUAL, ROUTER)))


def test_order_is_covered_by_approval_and_swap() -> None:
    assert gaps(a_session(APPROVING, SWAPPING, every=EVERY), demand(operations=ORDER)) == []


def test_missing_approval_of_the_token_that_is_sold_is_named() -> None:
    (gap,) = found(a_session(SWAPPING, every=EVERY), demand(operations=ORDER))
    assert gap.code == "not_granted"
    assert gap.call is not None
    assert (gap.call.target, gap.call.data[:4]) == (TOKEN, APPROVE)


def test_order_s_total_is_what_its_approvals_add_up_to() -> None:
    short = on(TOKEN, APPROVE, spending(29), rules(rule(0, Condition.EQUAL, ROUTER)))
    assert gaps(a_session(short, SWAPPING, every=EVERY), demand(operations=ORDER)) == [
        ("spending_limit", 30, 29)
    ]


@pytest.mark.parametrize(
    ("action", "call", "expected"),
    [
        # The whole range passes, or the word that does not is shown.
        (on(TOKEN, TRANSFER, rules(TO_PAYEE, AT_MOST_12)), transfer(0, 12), []),
        (on(TOKEN, TRANSFER, rules(TO_PAYEE, AT_MOST_12)), transfer(0, 20), [("argument_refused", 20, 12)]),
        (
            on(TOKEN, TRANSFER, rules(rule(32, Condition.NOT_EQUAL, 7))),
            transfer(0, 12),
            [("argument_refused", 7, 7)],
        ),
        (
            on(TOKEN, TRANSFER, rules(rule(32, Condition.IN_RANGE, 3 << 128 | 9))),
            transfer(3, 10),
            [("argument_refused", 10, 3 << 128 | 9)],
        ),
        (
            on(TOKEN, TRANSFER, rules(rule(0, Condition.EQUAL, OTHER))),
            PAY_12,
            [("argument_refused", int.from_bytes(PAYEE, "big"), int.from_bytes(OTHER, "big"))],
        ),
        (
            on(TOKEN, TRANSFER, rules(rule(64, Condition.EQUAL, 0))),
            PAY_12,
            [("argument_missing", None, None)],
        ),
        (
            on(TOKEN, TRANSFER, rules(rule(36, Condition.LESS_OR_EQUAL, 2**255))),
            transfer(0, 12),
            [("not_provable", None, None)],
        ),
        # Sums over all uses, not one.
        (on(TOKEN, TRANSFER, spending(35)), PAY_12, [("spending_limit", 36, 35)]),
        (on(TOKEN, TRANSFER, spending(35)), transfer(1, 12, total=35), []),
        (on(TOKEN, TRANSFER, spending(35)), transfer(1, 12, total=36), [("spending_limit", 36, 35)]),
        (on(TOKEN, TRANSFER, spending(36, OTHER)), PAY_12, [("spending_limit", 36, 0)]),
        (
            on(TOKEN, TRANSFER, rules(rule(32, Condition.LESS_OR_EQUAL, 12, limit=35))),
            PAY_12,
            [("argument_limit", 36, 35)],
        ),
        (on(TOKEN, TRANSFER, uses(2)), PAY_12, [("usage_limit", 3, 2)]),
        # The chain's coin.
        (
            on(PAYEE, NATIVE_TRANSFER_SELECTOR, value(14)),
            PossibleCall(Call(PAYEE, Wei(5), b"")),
            [("value_limit", 15, 14)],
        ),
        (
            on(TOKEN, TRANSFER, spending(36)),
            replace(PAY_12, most_value_wei=Wei(1)),
            [("value_not_allowed", 1, 0)],
        ),
        (
            on(TOKEN, TRANSFER, rules(TO_PAYEE, value_wei=3)),
            replace(PAY_12, most_value_wei=Wei(4)),
            [("value_per_use", 4, 3)],
        ),
        # Other ways to be refused, and to pass.
        (on(OTHER, TRANSFER, SUDO), PAY_12, [("not_granted", None, None)]),
        (on(TOKEN, TRANSFER, whitelist(OTHER)), PAY_12, [("contract_not_listed", None, None)]),
        (
            on(TOKEN, b"\x01\x02\x03\x04", spending(1)),
            PossibleCall(Call(TOKEN, Wei(0), b"\x01\x02\x03\x04")),
            [("function_not_allowed", None, None)],
        ),
        (on(PSEUDO_TARGET, FALLBACK_SELECTOR, whitelist(TOKEN), uses(3)), PAY_12, []),
        (on(TOKEN, TRANSFER, PolicyData(ROUTER, b"")), PAY_12, [("policy_unknown", None, None)]),
    ],
)
def test_every_policy_on_an_action_is_held_against_the_whole_range(
    action: ActionData, call: PossibleCall, expected: list[tuple[str, int | None, int | None]]
) -> None:
    assert gaps(a_session(action, every=EVERY), demand(call)) == expected


def tree(*nodes: Node, leaves: tuple[Rule, ...]) -> PolicyData:
    config = arg.ArgRules(Wei(0), len(nodes) - 1, leaves, nodes)
    return PolicyData(arg.ADDRESS, arg.encode(config))


@pytest.mark.parametrize(
    ("high", "expected"), [(6, []), (7, ["arguments_refused"])], ids=["joined", "with a hole"]
)
def test_ranges_joined_by_or_are_covered_where_they_meet(high: int, expected: list[str]) -> None:
    low = rule(32, Condition.LESS_OR_EQUAL, 5)
    above = rule(32, Condition.GREATER_OR_EQUAL, high)
    nodes = (Node(Kind.RULE, rule=0), Node(Kind.RULE, rule=1), Node(Kind.OR, left=0, right=1))
    session = a_session(on(TOKEN, TRANSFER, tree(*nodes, leaves=(low, above)), uses(9)), every=EVERY)
    assert [gap.code for gap in found(session, demand(transfer(0, 12)))] == expected


@pytest.mark.parametrize(
    ("every", "asked", "expected"),
    [
        ((frame(), uses(2), GAS), demand(), [("usage_limit", 3, 2)]),
        ((frame(), value(14)), demand(PossibleCall(Call(PAYEE, Wei(5), b""))), [("value_limit", 15, 14)]),
        (
            (GAS,),
            demand(times=4),
            [("gas_limit", 12_000_000, 9_000_000), ("cost_limit", 12 * 10**15, 9 * 10**15)],
        ),
        ((GAS,), demand(cost_wei=None), [("cost_without_cap", None, None)]),
        ((frame(NOW + DAY_S),), demand(), [("ends_too_early", NOW + 2 * DAY_S + 3_600, NOW + DAY_S)]),
        ((), demand(periods=()), [("nothing_due", None, None)]),
        ((uses(3),), demand(paymaster=True), [("paymaster_not_permitted", None, None)]),
    ],
)
def test_every_policy_on_operations_is_held_against_all_of_them(
    every: tuple[PolicyData, ...], asked: Demand, expected: list[tuple[str, int | None, int | None]]
) -> None:
    actions = (on(TOKEN, TRANSFER, SUDO), on(PAYEE, NATIVE_TRANSFER_SELECTOR, SUDO))
    assert gaps(a_session(*actions, every=every), asked) == expected


def test_paymaster_needs_a_policy_on_operations() -> None:
    session = a_session(on(TOKEN, TRANSFER, SUDO), every=(), permit_erc4337_paymaster=True)
    assert gaps(session, demand(paymaster=True)) == [("paymaster_without_policy", None, None)]


def test_session_that_begins_late_is_told_with_its_periods() -> None:
    window = time_frame.TimeFrame(Timestamp(NOW + DAY_S), Timestamp(0))
    late = PolicyData(time_frame.ADDRESS, time_frame.encode(window))
    (gap,) = found(a_session(on(TOKEN, TRANSFER, late), every=()))
    assert (gap.code, gap.part, gap.asked, gap.granted) == (
        "starts_too_late",
        "1 of 3 periods",
        NOW,
        NOW + DAY_S,
    )


def test_jobs_of_one_session_are_added_up() -> None:
    assert gaps(a_session(PAYMENT, every=(frame(), GAS)), demand(times=2), demand(times=2)) == [
        ("spending_limit", 48, 36),
        ("gas_limit", 12_000_000, 9_000_000),
        ("cost_limit", 12 * 10**15, 9 * 10**15),
    ]


def test_batch_counts_each_execution_and_one_operation() -> None:
    session = a_session(on(TOKEN, TRANSFER, spending(72), uses(6)), every=(uses(3),))
    assert gaps(session, demand(PAY_12, PAY_12)) == []
    short = a_session(on(TOKEN, TRANSFER, spending(71), uses(5)), every=(uses(2),))
    assert gaps(short, demand(PAY_12, PAY_12)) == [
        ("spending_limit", 72, 71),
        ("usage_limit", 6, 5),
        ("usage_limit", 3, 2),
    ]


def test_too_many_comparisons_are_no_proof() -> None:
    many = rules(*(rule(32 * n, Condition.NOT_EQUAL, 5 + n) for n in range(8)))
    data = TRANSFER + words(*range(8))
    call = PossibleCall(Call(TOKEN, Wei(0), data), tuple(WordRange("x", 32 * n, 0, 99) for n in range(8)))
    assert [gap.code for gap in found(a_session(on(TOKEN, TRANSFER, many), every=()), demand(call))] == [
        "not_provable"
    ]


NUMBERS = st.integers(0, 14)
LEAVES = st.lists(
    st.builds(rule, st.just(32), st.sampled_from(Condition), NUMBERS, st.none() | st.integers(0, 60)),
    min_size=3,
    max_size=3,
)
SHAPES = st.tuples(*(st.sampled_from((Kind.AND, Kind.OR)) for _ in range(2)), st.booleans())


@given(LEAVES, SHAPES, NUMBERS, NUMBERS, st.integers(1, 60))
def test_no_value_in_a_covered_range_is_refused_in_any_order(
    leaves: list[Rule], shape: tuple[Kind, Kind, bool], one: int, other: int, limit: int
) -> None:
    outer, inner, negated = shape
    last = Node(Kind.NOT, left=2) if negated else Node(Kind.RULE, rule=2)
    nodes = (
        *(Node(Kind.RULE, rule=index) for index in range(3)),
        last,
        Node(inner, left=1, right=3),
        Node(outer, left=0, right=4),
    )
    session = a_session(on(TOKEN, TRANSFER, spending(limit), tree(*nodes, leaves=tuple(leaves))), every=())
    least, most = sorted((one, other))
    asked = demand(transfer(least, most), times=2)
    grant = about(session).grant
    covered = not cover(grant, as_granted(grant), (asked,))
    passes = all(_both_pass(session, asked, pair) for pair in _pairs(least, most))
    assert not covered or passes


def _pairs(least: int, most: int) -> list[tuple[int, int]]:
    return [(first, second) for first in range(least, most + 1) for second in range(least, most + 1)]


def _both_pass(session: Session, asked: Demand, pair: tuple[int, int]) -> bool:
    grant = about(session).grant
    calls = [Call(TOKEN, Wei(0), TRANSFER + words(PAYEE, amount)) for amount in pair]
    answer = ask(grant, as_granted(grant).state, asked, calls)
    return not answer.refused


def test_word_behind_the_call_data_is_a_mistake_of_the_kind() -> None:
    call = PossibleCall(Call(TOKEN, Wei(0), TRANSFER), (WordRange("x", 0, 0, 1),))
    with pytest.raises(ValueError, match="behind the call data"):
        found(a_session(on(TOKEN, TRANSFER, SUDO)), demand(call))
