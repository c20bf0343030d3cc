from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.watching import NO_MEMORY, Memory
from jobs.conditions.crossing import Crossing, Side
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN, Unknown

LOST = Unknown("price_stale", "the feed is old")
Value = int | None
"""None is unknown."""


def fired_at(crossing: Crossing, values: list[Value]) -> list[int]:
    memory: Memory = NO_MEMORY
    fired = []
    for block, value in enumerate(values):
        crossed = crossing.look(LOST if value is None else value, block, memory)
        memory = crossed.memory
        fired += [block] if crossed.fires else []
    return fired


def below(level: int, rearm: int | None = None, confirmations: int = 1) -> Crossing:
    return Crossing(Side.BELOW, Fraction(level), None if rearm is None else Fraction(rearm), confirmations)


def crossings_seen(values: list[Value], level: int, rearm: int, confirmations: int) -> list[int]:
    """Find the blocks that confirm a crossing, by looking back over the whole history at each of them."""
    found: list[int] = []
    for block in range(len(values)):
        run = values[block - confirmations + 1 : block + 1] if block + 1 >= confirmations else []
        stands = bool(run) and all(value is not None and value <= level for value in run)
        since = values[found[-1] + 1 : block] if found else []
        armed = not found or any(value is not None and value >= rearm for value in since)
        # A run counts from where it is armed again, so none of its blocks lies before that.
        if stands and armed:
            found.append(block)
    return found


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=40),
    level=st.integers(2, 6),
    gap=st.integers(1, 3),
    confirmations=st.integers(1, 4),
)
def test_it_fires_once_for_each_crossing_a_naive_look_back_finds(
    values: list[Value], level: int, gap: int, confirmations: int
) -> None:
    crossing = below(level, level + gap, confirmations)
    assert fired_at(crossing, values) == crossings_seen(values, level, level + gap, confirmations)


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=40), confirmations=st.integers(1, 3)
)
def test_above_is_below_upside_down(values: list[Value], confirmations: int) -> None:
    above = Crossing(Side.ABOVE, Fraction(-4), Fraction(-6), confirmations)
    flipped = [None if value is None else -value for value in values]
    assert fired_at(above, flipped) == fired_at(below(4, 6, confirmations), values)


def test_a_flapping_price_fires_once_per_crossing() -> None:
    assert fired_at(below(1800, 1900), [1850, 1799, 1801, 1799, 1801, 1799, 1900, 1799]) == [1, 7]


def test_without_a_rearm_level_it_is_armed_as_soon_as_the_level_is_left() -> None:
    assert fired_at(below(1800), [1799, 1801, 1799, 1800, 1801, 1800]) == [0, 2, 5]


def test_what_stands_there_from_the_start_fires_at_once() -> None:
    assert fired_at(below(1800, 1900), [1700, 1650]) == [0]


def test_the_level_itself_counts() -> None:
    assert fired_at(below(1800), [1800]) == [0]


def test_a_run_that_breaks_confirms_nothing() -> None:
    assert fired_at(below(1800, 1900, 3), [1799, 1799, 1801, 1799, 1799, 1799]) == [5]


def test_an_unknown_value_ends_a_run_and_arms_nothing() -> None:
    assert fired_at(below(1800, 1900, 2), [1799, None, 1799, 1799, None, 1799, 1799]) == [3]


def test_while_it_is_confirmed_the_block_that_confirms_it_is_asked_for() -> None:
    crossing = below(1800, 1900, 3)
    first = crossing.look(1799, 10, NO_MEMORY)
    assert (first.verdict, first.confirming, first.again.at_block, first.again.on_change) == (
        FALSE,
        True,
        12,
        True,
    )
    # Nothing changed at block 11, so nobody looked.
    assert crossing.look(1799, 12, first.memory).fires


def test_between_the_levels_it_stays_true_for_level_triggers() -> None:
    crossing = below(1800, 1900)
    memory = crossing.look(1799, 1, NO_MEMORY).memory
    assert [crossing.look(value, 2, memory).verdict for value in (1799, 1850, 1899, 1900)] == [
        TRUE, TRUE, TRUE, FALSE,
    ]  # fmt: skip


def test_unknown_is_unknown_whatever_was_before() -> None:
    crossing = below(1800, 1900)
    on = crossing.look(1799, 1, NO_MEMORY).memory
    lost = crossing.look(LOST, 2, on)
    assert (lost.verdict, lost.fires, lost.memory) == (UNKNOWN, False, on)


def test_a_look_whose_memory_is_dropped_never_happened() -> None:
    crossing = below(1800, 1900)
    assert crossing.look(1799, 5, NO_MEMORY).fires
    assert crossing.look(1750, 6, NO_MEMORY).fires


def test_a_run_does_not_begin_after_the_block_that_a_reorg_put_in_its_place() -> None:
    crossing = below(1800, None, 3)
    memory = crossing.look(1799, 10, NO_MEMORY).memory
    again = crossing.look(1799, 8, memory)
    assert (again.fires, again.again.at_block) == (False, 10)


def test_a_price_gap_through_several_levels_fires_each_of_them_once() -> None:
    values: list[Value] = [2000, 1500, 1490, 1500]
    assert [fired_at(below(level, level + 50), values) for level in (1900, 1800, 1700)] == [[1], [1], [1]]


def test_several_crossings_keep_apart_in_one_memory() -> None:
    one = Crossing(Side.BELOW, Fraction(5), name="one")
    two = Crossing(Side.BELOW, Fraction(3), name="two")
    memory = {**one.look(4, 1, NO_MEMORY).memory, **two.look(4, 1, NO_MEMORY).memory}
    assert memory == {"one.on": 1}
    assert (one.look(4, 2, memory).fires, two.look(3, 2, memory).fires) == (False, True)


@pytest.mark.parametrize(("rearm", "confirmations"), [(1800, 1), (1700, 1), (1900, 0)])
def test_what_could_never_work_is_refused(rearm: int, confirmations: int) -> None:
    with pytest.raises(ValueError, match=r"re-arm|confirmed"):
        below(1800, rearm, confirmations)
