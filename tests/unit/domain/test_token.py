"""Amounts as people read them, without loss."""

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.token import Token, TokenAmount, decimal_text
from agent.domain.units import UINT256_MAX

EXACT = Context(prec=200)


@given(st.integers(-UINT256_MAX, UINT256_MAX), st.integers(0, 77))
def test_text_is_the_number(base_units: int, decimals: int) -> None:
    text = decimal_text(base_units, decimals)
    assert Decimal(text).scaleb(decimals, EXACT) == base_units
    assert text == f"{Decimal(base_units).scaleb(-decimals, EXACT).normalize(EXACT):f}"


@pytest.mark.parametrize(
    ("base_units", "decimals", "text"),
    [(0, 6, "0"), (1, 6, "0.000001"), (1_500_000, 6, "1.5"), (10**30, 0, f"1{'0' * 30}"), (-5, 1, "-0.5")],
)
def test_no_digit_too_many(base_units: int, decimals: int, text: str) -> None:
    assert str(TokenAmount(Token("USDC", None, decimals), base_units)) == f"{text} USDC"
