from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.conditions.ticks import MAX_TICK, MIN_TICK, mean_tick, sqrt_ratio_at_tick

# From the tests of Uniswap's own TickMath.
VECTORS = {
    MIN_TICK: 4295128739,
    MIN_TICK + 1: 4295343490,
    0: 2**96,
    MAX_TICK - 1: 1461373636630004318706518188784493106690254656249,
    MAX_TICK: 1461446703485210103287273052203988822378723970342,
}


@pytest.mark.parametrize(("tick", "expected"), VECTORS.items())
def test_the_ratio_is_tick_maths_to_the_last_bit(tick: int, expected: int) -> None:
    assert sqrt_ratio_at_tick(tick) == expected


@given(tick=st.integers(MIN_TICK, MAX_TICK))
def test_the_ratio_is_the_power_it_stands_for(tick: int) -> None:
    with localcontext(prec=80):
        exact = (Decimal("1.0001") ** tick).sqrt() * 2**96
        # TickMath promises no more than this at the ends of its scale.
        assert abs(sqrt_ratio_at_tick(tick) - exact) <= 1 + exact / 10**10


@given(tick=st.integers(MIN_TICK, MAX_TICK - 1))
def test_a_higher_tick_is_a_higher_price(tick: int) -> None:
    assert sqrt_ratio_at_tick(tick) < sqrt_ratio_at_tick(tick + 1)


@pytest.mark.parametrize("tick", [MIN_TICK - 1, MAX_TICK + 1])
def test_no_tick_lies_outside_the_scale(tick: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        sqrt_ratio_at_tick(tick)


def test_the_mean_tick_is_floored_below_zero_too() -> None:
    assert [mean_tick(0, delta, 10) for delta in (19, 20, -1, -10, -11)] == [1, 2, -1, -1, -2]


@given(
    start=st.integers(-(2**55), 2**55 - 1),
    tick=st.integers(MIN_TICK, MAX_TICK),
    seconds=st.integers(1, 10**6),
)
def test_cumulatives_may_wrap_around(start: int, tick: int, seconds: int) -> None:
    end = (start + tick * seconds + 2**55) % 2**56 - 2**55
    assert mean_tick(start, end, seconds) == tick
