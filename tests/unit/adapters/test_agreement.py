"""What counts as said by enough nodes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.agreement import Agreed, Disagreed, TooFew, Vote, settle, shared_height

VALUES = st.lists(st.integers(0, 3), max_size=6)


def votes(values: list[int]) -> list[Vote]:
    return [Vote(f"node-{place}", value) for place, value in enumerate(values)]


@given(VALUES, st.integers(1, 4))
def test_a_value_is_agreed_when_it_alone_has_enough_nodes(values: list[int], quorum: int) -> None:
    outcome = settle(votes(values), quorum)
    backed = [value for value, count in Counter(values).items() if count >= quorum]

    if len(backed) == 1:
        apart = tuple(f"node-{place}" for place, value in enumerate(values) if value != backed[0])
        assert outcome == Agreed(backed[0], apart)
    else:
        assert isinstance(outcome, TooFew if len(values) < quorum else Disagreed)


def test_one_liar_among_two_stops_everything_and_among_three_nothing() -> None:
    truth, lie = 7, 8

    assert isinstance(settle(votes([truth, lie]), 2), Disagreed)
    assert settle(votes([truth, lie, truth]), 2) == Agreed(truth, ("node-1",))


@given(st.lists(st.integers(0, 100), max_size=6), st.integers(1, 4))
def test_a_shared_height_is_the_newest_that_enough_nodes_have(numbers: list[int], quorum: int) -> None:
    height = shared_height(numbers, quorum)

    if len(numbers) < quorum:
        assert height is None
    else:
        assert height is not None
        assert sum(number >= height for number in numbers) >= quorum
        assert sum(number > height for number in numbers) < quorum
