"""How much saves a loan: the figures measured on real contracts, and what must hold for any position."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.loans.position import (
    NO_DEBT,
    Means,
    Position,
    decimal_of,
    health_after,
    needed,
    payable,
    whole,
)

DOLLAR = 10**8
USDC = 10**6


def a_position(**changes: object) -> Position:
    """Return ten ether at 1860 dollars and a threshold of 82.5 %, owing 15,000 USDC: health factor 1.023."""
    position = Position(
        weighted=Fraction(18_600 * DOLLAR * 8_250, 10_000),
        debt=Fraction(15_000 * DOLLAR),
        unit_value=Fraction(DOLLAR, USDC),
        threshold=Fraction(8, 10),
        owed=15_000 * USDC,
        held=20_000 * USDC,
    )
    return replace(position, **changes)  # type: ignore[arg-type]


def test_the_wallet_pays_what_was_measured() -> None:
    position = a_position()

    amount = needed(position, Means.WALLET, Fraction(12, 10))

    assert decimal_of(position.health) == "1.0230"
    assert amount == 2_212_500_000
    assert health_after(position, Means.WALLET, amount) == Fraction(12, 10)


def test_atokens_pay_debt_and_take_their_own_collateral_away() -> None:
    position = a_position(weighted=Fraction(1_0332 * 15_000 * DOLLAR, 10_000))

    amount = needed(position, Means.ATOKENS, Fraction(12, 10))

    # 2,502 dollars are missing, and each that is paid brings 1.2 and takes 0.8.
    assert amount == 6_255 * USDC
    assert health_after(position, Means.ATOKENS, amount) == Fraction(12, 10)


def test_collateral_adds_its_weight() -> None:
    ether = 10**18
    position = a_position(unit_value=Fraction(1_860 * DOLLAR, ether), threshold=Fraction(825, 1_000), owed=0)

    amount = needed(position, Means.COLLATERAL, Fraction(12, 10))

    # 2,655 dollars of weight are missing: 3,218.18 dollars of ether.
    assert amount == -(-2_655 * 1_000 * ether // (825 * 1_860))
    assert health_after(position, Means.COLLATERAL, amount) >= Fraction(12, 10)


def test_nothing_is_needed_at_the_target() -> None:
    assert needed(a_position(), Means.WALLET, Fraction(1_023, 1_000)) == 0


@pytest.mark.parametrize("means", list(Means))
def test_without_debt_nothing_is_needed(means: Means) -> None:
    position = a_position(debt=Fraction(0), owed=0)

    assert position.health == NO_DEBT
    assert needed(position, means, Fraction(2)) == 0


def test_more_than_the_debt_is_not_taken() -> None:
    position = a_position()

    assert health_after(position, Means.WALLET, 2 * position.owed) == NO_DEBT


def test_paying_back_all_has_room_for_interest() -> None:
    assert whole(15_000 * USDC) == 15_015 * USDC
    assert whole(1) == 2
    assert payable(Means.WALLET, 20_000 * USDC, 15_000 * USDC) == 15_015 * USDC
    assert payable(Means.WALLET, 100, 15_000 * USDC) == 100
    assert payable(Means.COLLATERAL, 100, 0) == 100


def test_ratios_are_written_rounded_down() -> None:
    assert decimal_of(Fraction(99_999, 100_000)) == "0.9999"
    assert decimal_of(Fraction(3, 2), 6) == "1.500000"


AMOUNTS = st.integers(1, 10**30)
POSITIONS = st.builds(
    Position,
    weighted=st.builds(Fraction, st.integers(0, 10**24), st.just(10_000)),
    debt=st.builds(Fraction, st.integers(1, 10**20)),
    unit_value=st.builds(Fraction, st.integers(1, 10**14), st.sampled_from([1, 10**6, 10**8, 10**18])),
    threshold=st.builds(Fraction, st.integers(1, 9_800), st.just(10_000)),
    owed=AMOUNTS,
    held=AMOUNTS,
)
AIMS = st.builds(Fraction, st.integers(10_001, 50_000), st.just(10_000))


@given(POSITIONS, st.sampled_from(list(Means)), AIMS)
def test_the_amount_reaches_the_aim_and_one_unit_less_does_not(
    position: Position, means: Means, aim: Fraction
) -> None:
    assume(position.health < aim)
    # What is lent counts towards the collateral: with less than this, paying with it makes things worse.
    assume(means is not Means.ATOKENS or position.weighted >= position.threshold * position.debt)
    amount = needed(position, means, aim)
    # All of the debt in this token that the amount needs is there.
    rich = replace(position, owed=max(position.owed, amount))

    assert health_after(rich, means, amount) >= aim
    assert health_after(rich, means, amount - 1) < aim


@given(POSITIONS, st.sampled_from(list(Means)), AMOUNTS)
def test_never_more_than_the_debt_or_what_is_held_is_paid(
    position: Position, means: Means, held: int
) -> None:
    limit = payable(means, held, position.owed)

    assert limit <= held
    if means is not Means.COLLATERAL:
        assert limit <= whole(position.owed)
        assert health_after(position, means, whole(position.owed)) == health_after(
            position, means, position.owed
        )
