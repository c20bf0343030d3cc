import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.units import UINT256_MAX, Address, Hash32, Wei
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.policies import arg
from agent.smart_sessions.policies.arg import ArgPolicy, ArgRules, ArgState
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.policy import ActionCall, Allowed, Answer, Charge, Refused, Slot
from agent.smart_sessions.policies.uni_action import VALUE_LIMIT_EXCEEDED, Condition, Rule
from agent.smart_sessions.reverts import ARITHMETIC_PANIC

POLICY = ArgPolicy(arg.ADDRESS)
ACCOUNT = Address(b"\x0a" * 20)
SLOT = Slot(Hash32(b"\x01" * 32), SMART_SESSION, ACCOUNT)
FIRST, SECOND = Node(Kind.RULE), Node(Kind.RULE, rule=1)
NOT_FIRST = Node(Kind.NOT, left=0)
EITHER, BOTH = Node(Kind.OR, left=0, right=1), Node(Kind.AND, left=0, right=1)


def is_number(reference: int, offset: int = 0, limit: int | None = None, used: int = 0) -> Rule:
    return Rule(Condition.EQUAL, offset, reference.to_bytes(32, "big"), limit, used)


def summed(limit: int, used: int = 0, offset: int = 0) -> Rule:
    """Take any word, and add it up."""
    return Rule(Condition.GREATER_OR_EQUAL, offset, bytes(32), limit, used)


def a_state(rules: Sequence[Rule], *nodes: Node, value_limit_wei: int = 0) -> ArgState:
    """Make a state whose last node is the root."""
    config = ArgRules(Wei(value_limit_wei), len(nodes) - 1, tuple(rules), nodes)
    return ArgState(config, (0,) * len(rules))


def check(state: ArgState, *words: int, value: int = 0) -> Answer:
    data = b"\x01\x02\x03\x04" + b"".join(word.to_bytes(32, "big") for word in words)
    return POLICY.check_action(SLOT, state, ActionCall(ACCOUNT, ACCOUNT, value, data))


def allowed(state: ArgState, *words: int) -> Allowed:
    answer = check(state, *words)
    assert isinstance(answer, Allowed), answer
    return answer


def refused(state: ArgState, *words: int, value: int = 0) -> Refused:
    answer = check(state, *words, value=value)
    assert isinstance(answer, Refused), answer
    return answer


def used(state: ArgState) -> list[int]:
    return [rule.used for rule in state.config.rules]


@pytest.mark.parametrize(
    ("root", "passes"),
    [(EITHER, {(1, 2), (1, 9), (9, 2)}), (BOTH, {(1, 2)}), (NOT_FIRST, {(9, 2), (9, 9)})],
    ids=["or", "and", "not"],
)
def test_tree_is_judged_as_it_reads(root: Node, passes: set[tuple[int, int]]) -> None:
    state = a_state([is_number(1), is_number(2, offset=32)], FIRST, SECOND, root)

    accepted = {
        words for words in itertools.product((1, 9), (2, 9)) if isinstance(check(state, *words), Allowed)
    }

    assert accepted == passes


def test_or_does_not_charge_what_it_does_not_ask() -> None:
    state = a_state([summed(10), summed(10)], FIRST, SECOND, EITHER)

    one = allowed(state, 6)
    other = allowed(one.state, 6)

    assert (used(one.state), one.charges) == ([6, 0], (Charge("rule0", 6),))
    assert (used(other.state), other.charges) == ([6, 6], (Charge("rule1", 6),))


def test_rule_that_holds_is_charged_below_not_too() -> None:
    state = a_state([summed(10), is_number(7, offset=32)], FIRST, SECOND, NOT_FIRST, Node(Kind.OR, 0, 2, 1))

    assert used(allowed(state, 6, 7).state) == [6, 0]


def test_rule_of_two_nodes_is_charged_twice() -> None:
    state = a_state([summed(10)], FIRST, Node(Kind.AND, 0, 0, 0))

    assert used(allowed(state, 5).state) == [10]
    assert refused(state, 6).further[0].left == 4


def test_negated_limit_lets_only_what_is_over_it_pass() -> None:
    state = a_state([summed(10)], FIRST, NOT_FIRST)

    assert refused(state, 10).revert is None
    assert used(allowed(state, 11).state) == [0]


def test_refusal_names_the_limit_without_room() -> None:
    state = a_state([is_number(1), summed(10, used=4, offset=32)], FIRST, SECOND, BOTH)

    answer = refused(state, 1, 7)

    assert (answer.code, answer.revert) == ("arguments_refused", None)
    assert [(item.code, item.part, item.asked, item.left) for item in answer.further] == [
        ("argument_limit", "rule1", 7, 6)
    ]


def test_use_in_the_init_data_counts_from_the_start() -> None:
    state = POLICY.initialized(SLOT, arg.encode(a_state([summed(10, used=8)], FIRST).config), None)

    assert [(part.limit, part.used, part.left) for part in POLICY.parts(state)] == [(10, 8, 2)]
    assert isinstance(check(state, 3), Refused)


def test_value_of_a_call_is_capped() -> None:
    state = a_state([is_number(1)], FIRST, value_limit_wei=5)
    answer = refused(state, 1, value=6)

    assert (answer.code, answer.asked, answer.left) == ("value_per_use", 6, 5)
    assert answer.revert is not None
    assert answer.revert.startswith(VALUE_LIMIT_EXCEEDED + SLOT.config_id)
    assert isinstance(check(state, 1, value=5), Allowed)


def test_tree_without_rules_is_never_judged() -> None:
    answer = refused(a_state([], Node(Kind.AND)))

    assert (answer.code, answer.revert) == ("no_rules", SLOT.not_initialized())


@pytest.mark.parametrize(
    ("rule", "words", "revert"),
    [
        (is_number(1, offset=1), (1,), b""),
        (is_number(1, offset=2**64 - 4), (1,), ARITHMETIC_PANIC),
        (summed(10, used=1), (UINT256_MAX,), ARITHMETIC_PANIC),
    ],
    ids=["call data too short", "offset overflows", "sum overflows"],
)
def test_policy_reverts(rule: Rule, words: tuple[int, ...], revert: bytes) -> None:
    # An operand that reverts ends the judgement even where the other would pass.
    assert refused(a_state([is_number(9), rule], FIRST, SECOND, EITHER), *words).revert == revert


@pytest.mark.parametrize(
    "nodes",
    [
        (Node(Kind.NOT, left=0),),
        (Node(Kind.AND, left=1, right=1), Node(Kind.OR, left=0, right=0)),
        (FIRST, *(Node(Kind.NOT, left=index) for index in range(32))),
        (FIRST, *(Node(Kind.AND, left=index, right=index) for index in range(12))),
    ],
    ids=["itself", "in a circle", "deep", "wide"],
)
def test_endless_tree_is_refused_as_out_of_gas(nodes: tuple[Node, ...]) -> None:
    answer = refused(a_state([is_number(1)], *nodes), 1)

    assert (answer.code, answer.revert) == ("rules_endless", b"")


def test_endless_branch_that_is_not_asked_does_no_harm() -> None:
    assert isinstance(check(a_state([is_number(1)], FIRST, Node(Kind.OR, 0, 0, 1)), 1), Allowed)


def test_what_is_in_flight_cannot_open_a_negated_limit() -> None:
    state = a_state([summed(10)], FIRST, NOT_FIRST)
    in_flight = POLICY.charged(state, Charge("rule0", 8))

    # On chain the limit still has room for 5 if what is in flight never lands.
    assert isinstance(check(in_flight, 5), Refused)
    assert isinstance(check(in_flight, 11), Allowed)


def test_both_ways_of_an_or_are_reserved_when_it_depends_on_what_is_in_flight() -> None:
    state = a_state([summed(10), summed(10)], FIRST, SECOND, EITHER)
    in_flight = POLICY.charged(state, Charge("rule0", 8))

    assert allowed(in_flight, 5).charges == (Charge("rule0", 5), Charge("rule1", 5))
    assert [part.used for part in POLICY.parts(in_flight)] == [8, 0]


@st.composite
def small_states(draw: st.DrawFn) -> ArgState:
    rules = draw(st.lists(st.builds(summed, st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=3))
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 7))):
        before = st.integers(0, max(0, index - 1))
        kind = draw(st.sampled_from(Kind)) if index else Kind.RULE
        nodes.append(Node(kind, draw(st.integers(0, len(rules) - 1)), draw(before), draw(before)))
    return a_state(rules, *nodes)


@given(small_states(), st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_cleared_operations_pass_in_whatever_order_and_number_they_land(
    state: ArgState, amounts: list[int]
) -> None:
    cleared, reserved = [], state
    for amount in amounts:
        answer = check(reserved, amount)
        if isinstance(answer, Allowed):
            cleared.append(amount)
            for charge in answer.charges:
                reserved = POLICY.charged(reserved, charge)

    for count in range(len(cleared) + 1):
        for landing in itertools.permutations(cleared, count):
            on_chain = state
            for amount in landing:
                on_chain = allowed(on_chain, amount).state
            within = zip(POLICY.parts(on_chain), POLICY.parts(reserved), strict=True)
            assert all(one.used <= other.used for one, other in within)


@given(small_states(), st.integers(0, 14))
def test_without_operations_in_flight_the_charges_are_exact(state: ArgState, amount: int) -> None:
    answer = check(state, amount)
    if isinstance(answer, Allowed):
        moved = state
        for charge in answer.charges:
            moved = POLICY.charged(moved, charge)
        assert POLICY.parts(moved) == POLICY.parts(answer.state)
        assert not any(answer.state.reserved)
