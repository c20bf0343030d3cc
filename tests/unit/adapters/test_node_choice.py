"""Which node is asked first, and which head is acted on."""

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.node_choice import BELIEVED_AFTER_S, HeadGuard, Shown, in_order

NODES = st.lists(st.builds(Shown, st.booleans(), st.integers(-1, 50)), max_size=6)


@given(NODES, st.integers(-1, 50))
def test_every_node_has_one_place(nodes: list[Shown], at: int) -> None:
    assert sorted(in_order(nodes, at)) == list(range(len(nodes)))


@given(NODES, st.integers(-1, 50))
def test_the_healthy_come_first_then_those_that_have_the_block_then_the_operators_order(
    nodes: list[Shown], at: int
) -> None:
    ranks = [(not nodes[place].healthy, nodes[place].head < at, place) for place in in_order(nodes, at)]

    assert ranks == sorted(ranks)


@given(st.lists(st.integers(0, 1_000)))
def test_heads_that_are_acted_on_never_go_back(numbers: list[int]) -> None:
    guard, acted_on = HeadGuard(), []
    for number in numbers:
        if guard.allows(number):
            guard = guard.seen(number)
            acted_on.append(number)

    assert acted_on == sorted(acted_on)


def test_a_head_that_no_node_reaches_for_long_is_given_up() -> None:
    guard = HeadGuard().seen(2**60)

    early = guard.all_below(100, 1_000.0).all_below(101, 1_000.0 + BELIEVED_AFTER_S - 1)
    late = early.all_below(102, 1_000.0 + BELIEVED_AFTER_S)

    assert (early.allows(101), late.allows(102), late.allows(101)) == (False, True, False)


def test_one_node_that_reaches_it_again_starts_the_time_anew() -> None:
    guard = HeadGuard().seen(100).all_below(90, 0.0).seen(100).all_below(90, BELIEVED_AFTER_S)

    assert not guard.all_below(90, BELIEVED_AFTER_S + 1).allows(90)
