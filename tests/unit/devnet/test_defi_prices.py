"""Prices of v3 pools in integers, whichever token comes first; calls by their signatures."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devnet.defi.calls import abi_call, argument_types
from agent.devnet.defi.prices import Q192, amount0_for, amount1_for, nearest_tick, sqrt_price_x96
from agent.domain.units import Address

ETHER, USDC = 10**18, 10**6
SOMEBODY = Address(b"\x22" * 20)
AMOUNTS = st.integers(1, 10**30)


def test_the_price_of_an_ether_is_known_in_both_orders() -> None:
    first, second = sqrt_price_x96(ETHER, 2_000 * USDC), sqrt_price_x96(2_000 * USDC, ETHER)
    assert first == 3_543_191_142_285_914_205_922_034
    assert amount1_for(ETHER, first) in {2_000 * USDC, 2_000 * USDC - 1}
    assert amount0_for(ETHER, second) in {2_000 * USDC, 2_000 * USDC + 1}


@given(AMOUNTS, AMOUNTS)
def test_the_root_is_the_greatest_whose_square_is_no_more(amount0: int, amount1: int) -> None:
    found = sqrt_price_x96(amount0, amount1)
    assert Fraction(found**2, Q192) <= Fraction(amount1, amount0) < Fraction((found + 1) ** 2, Q192)


@pytest.mark.parametrize(("tick", "usable"), [(121, 120), (120, 120), (-1, -60), (-60, -60), (-61, -120)])
def test_a_usable_tick_is_at_or_below(tick: int, usable: int) -> None:
    assert nearest_tick(tick, 60) == usable


@pytest.mark.parametrize(
    ("signature", "types"),
    [
        ("decimals()", []),
        ("transfer(address,uint256)", ["address", "uint256"]),
        ("mint((address,uint24),bytes[])", ["(address,uint24)", "bytes[]"]),
        ("list((address,(uint8,bytes))[],bool)", ["(address,(uint8,bytes))[]", "bool"]),
    ],
)
def test_the_types_of_a_signature_keep_their_brackets(signature: str, types: list[str]) -> None:
    assert argument_types(signature) == types


def test_a_call_is_a_selector_and_its_words() -> None:
    call = abi_call(SOMEBODY, "transfer(address,uint256)", SOMEBODY, 5, value_wei=7)
    assert call.data.hex() == "a9059cbb" + "00" * 12 + "22" * 20 + f"{5:064x}"
    assert (call.target, call.value_wei) == (SOMEBODY, 7)
