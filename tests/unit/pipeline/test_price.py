"""Fees come from the chain, with the bundler's quote as floor and the job's caps as ceiling."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import FeeAboveCap
from agent.domain.job import FeeCaps
from agent.domain.operation import Fees, GasLimits
from agent.domain.units import Gas, Wei
from agent.erc4337.gas import worst_case_cost_wei
from agent.pipeline.price import (
    UINT120_MAX,
    Offered,
    affordable,
    check_caps,
    fees,
    hurried,
    with_margins,
    with_owner,
)
from tests.builders import a_user_operation

GWEI = 10**9
FREE = FeeCaps()


def test_the_base_fee_may_double() -> None:
    assert fees(Wei(10 * GWEI), Wei(GWEI), None, FREE) == Fees(Wei(21 * GWEI), Wei(GWEI))


def test_the_bundlers_quote_is_the_floor_of_both_fees() -> None:
    assert fees(Wei(GWEI), Wei(1), (Wei(9 * GWEI), Wei(2 * GWEI)), FREE) == Fees(Wei(9 * GWEI), Wei(2 * GWEI))


def test_the_cap_cuts_the_headroom_but_not_what_inclusion_needs() -> None:
    capped = FeeCaps(max_fee_per_gas_wei=Wei(12 * GWEI))

    assert fees(Wei(10 * GWEI), Wei(GWEI), None, capped) == Fees(Wei(12 * GWEI), Wei(GWEI))


def test_fees_above_a_cap_are_refused_with_both_numbers() -> None:
    with pytest.raises(FeeAboveCap) as refused:
        fees(Wei(10 * GWEI), Wei(GWEI), None, FeeCaps(max_fee_per_gas_wei=Wei(5 * GWEI)))

    assert (refused.value.quoted_wei, refused.value.cap_wei) == (11 * GWEI, 5 * GWEI)


def test_a_priority_fee_above_its_cap_is_refused() -> None:
    with pytest.raises(FeeAboveCap):
        fees(Wei(1), Wei(3), None, FeeCaps(max_priority_fee_per_gas_wei=Wei(2)))


@given(
    base=st.integers(0, 10**13),
    tip=st.integers(0, 10**12),
    floor=st.none() | st.tuples(st.integers(0, 10**13), st.integers(0, 10**12)),
    cap=st.none() | st.integers(0, 10**14),
)
def test_agreed_fees_can_be_included_and_never_pass_the_cap(
    base: int, tip: int, floor: tuple[int, int] | None, cap: int | None
) -> None:
    quote = None if floor is None else (Wei(floor[0]), Wei(floor[1]))
    caps = FeeCaps(max_fee_per_gas_wei=None if cap is None else Wei(cap))
    floor_max, floor_tip = floor or (0, 0)
    if cap is not None and cap < max(base + max(tip, floor_tip), floor_max):
        with pytest.raises(FeeAboveCap):
            fees(Wei(base), Wei(tip), quote, caps)
        return
    agreed = fees(Wei(base), Wei(tip), quote, caps)
    assert agreed.max_fee_per_gas >= base + agreed.max_priority_fee_per_gas
    assert cap is None or agreed.max_fee_per_gas <= cap
    assert quote is None or agreed.max_fee_per_gas >= quote[0]


def test_margins_round_up() -> None:
    estimate = GasLimits(Gas(101), Gas(7), Gas(50))

    assert with_margins(estimate) == GasLimits(Gas(117), Gas(9), Gas(50))


def test_what_the_stub_did_not_spend_is_added_before_the_margin() -> None:
    needed = with_owner(GasLimits(Gas(100), Gas(1_000), Gas(50)), Gas(300_000))

    assert needed == GasLimits(Gas(100), Gas(301_000), Gas(50))
    assert with_margins(needed).verification_gas_limit == 346_150


def test_an_absurd_estimate_is_refused_before_it_is_signed() -> None:
    hostile = replace(a_user_operation(), call_gas_limit=Gas(UINT120_MAX + 1))

    with pytest.raises(FeeAboveCap):
        check_caps(hostile, FREE)


@pytest.mark.parametrize(
    "caps",
    [FeeCaps(max_gas=Gas(349_999)), FeeCaps(max_cost_wei=Wei(350_000 * 2 * GWEI - 1))],
    ids=["gas", "cost"],
)
def test_an_operation_above_a_cap_is_refused(caps: FeeCaps) -> None:
    with pytest.raises(FeeAboveCap):
        check_caps(a_user_operation(), caps)


def test_an_operation_at_its_caps_passes() -> None:
    check_caps(a_user_operation(), FeeCaps(max_gas=Gas(350_000), max_cost_wei=Wei(350_000 * 2 * GWEI)))


TIP = Fees(Wei(21 * GWEI), Wei(GWEI))


def test_a_hurry_raises_the_tip_and_with_it_the_fee() -> None:
    assert hurried(TIP, Wei(10 * GWEI), 250, FREE) == Fees(Wei(22_500_000_000), Wei(2_500_000_000))


def test_no_hurry_leaves_the_fees_as_they_are() -> None:
    assert hurried(TIP, Wei(10 * GWEI), 100, FREE) == TIP


@given(
    base=st.integers(0, 10**12),
    tip=st.integers(0, 10**11),
    percent=st.integers(100, 2_000),
    fee_cap=st.none() | st.integers(0, 10**13),
    tip_cap=st.none() | st.integers(0, 10**12),
)
def test_a_hurry_never_passes_a_cap_nor_offers_less(
    base: int, tip: int, percent: int, fee_cap: int | None, tip_cap: int | None
) -> None:
    caps = FeeCaps(
        max_fee_per_gas_wei=None if fee_cap is None else Wei(fee_cap),
        max_priority_fee_per_gas_wei=None if tip_cap is None else Wei(tip_cap),
    )
    try:
        usual = fees(Wei(base), Wei(tip), None, caps)
    except FeeAboveCap:
        return
    found = hurried(usual, Wei(base), percent, caps)
    assert found.max_priority_fee_per_gas >= usual.max_priority_fee_per_gas
    assert found.max_fee_per_gas >= max(usual.max_fee_per_gas, base + found.max_priority_fee_per_gas)
    assert fee_cap is None or found.max_fee_per_gas <= fee_cap
    assert tip_cap is None or found.max_priority_fee_per_gas <= tip_cap
    if fee_cap is None and tip_cap is None:
        assert found.max_priority_fee_per_gas == -(-tip * percent // 100)


@given(percent=st.integers(100, 1_000), cost_cap=st.integers(0, 10**17))
def test_the_cap_on_the_cost_cuts_the_hurry_and_nothing_else(percent: int, cost_cap: int) -> None:
    operation = a_user_operation()
    offered = Offered(TIP, hurried(TIP, Wei(10 * GWEI), percent, FREE))
    agreed = affordable(operation, offered, FeeCaps(max_cost_wei=Wei(cost_cap)))
    assert TIP.max_fee_per_gas <= agreed.max_fee_per_gas <= offered.hurried.max_fee_per_gas
    assert (
        agreed.max_fee_per_gas - TIP.max_fee_per_gas
        == agreed.max_priority_fee_per_gas - TIP.max_priority_fee_per_gas
    )
    priced = replace(operation, max_fee_per_gas=agreed.max_fee_per_gas)
    if agreed.max_fee_per_gas > TIP.max_fee_per_gas:
        assert worst_case_cost_wei(priced) <= cost_cap
