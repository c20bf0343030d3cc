from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.domain.token import Token, decimal_text
from agent.domain.units import UINT256_MAX, Address
from jobs.fields import AmountField, DurationField, FieldContext, WeiField
from jobs.kind import Spec

TOKEN = Address(bytes(19) + b"\xcc")


class Example(Spec):
    amount: AmountField | None = None
    cap: WeiField | None = None
    wait: DurationField | None = None


def units_of(text: str, decimals: int = 6) -> int:
    context = FieldContext({"USDC": Token("USDC", TOKEN, decimals)})
    amount = Example.model_validate({"amount": text}, context=context).amount
    assert amount is not None
    return amount.base_units


def code_of(field: str, text: str) -> str:
    context = FieldContext({"USDC": Token("USDC", TOKEN, 6)})
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({field: text}, context=context)
    [detail] = caught.value.errors()
    return str(detail["ctx"]["code"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 USDC", 10_000_000),
        ("0.000001 USDC", 1),
        ("007.50 USDC", 7_500_000),
        ("1 wei", 1),
        ("5 gwei", 5_000_000_000),
        ("0.1 ether", 10**17),
        (f"{UINT256_MAX} wei", UINT256_MAX),
    ],
)
def test_amounts_become_base_units(text: str, expected: int) -> None:
    assert units_of(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("10", "amount_without_unit"),
        ("10.0", "amount_without_unit"),
        ("1e18", "amount_without_unit"),
        (".inf", "amount_without_unit"),
        (".nan", "amount_without_unit"),
        ("-1 USDC", "negative_amount"),
        ("+1 USDC", "bad_amount"),
        ("1e3 USDC", "bad_amount"),
        ("1_000 USDC", "bad_amount"),
        ("1,5 USDC", "bad_amount"),
        (".5 USDC", "bad_amount"),
        ("1. USDC", "bad_amount"),
        ("0x10 USDC", "bad_amount"),
        ("10 USDC ", "bad_amount"),
        ("10 USDC\n", "bad_amount"),
        ("١٠ USDC", "bad_amount"),  # noqa: RUF001 - digits of another script
        ("USDC", "bad_amount"),
        ("", "bad_amount"),
        ("0 USDC", "zero_amount"),
        ("0.0000001 USDC", "too_many_decimals"),
        ("0.5 wei", "too_many_decimals"),
        ("1 usdc", "unknown_token"),
        (f"{2**256} wei", "amount_too_large"),
        ("9" * 5_000 + " USDC", "amount_too_large"),
    ],
)
def test_what_is_no_amount_is_refused_by_code(text: str, code: str) -> None:
    assert code_of("amount", text) == code


@given(st.integers(1, UINT256_MAX), st.integers(0, 77))
def test_an_amount_written_out_reads_back_to_the_last_unit(units: int, decimals: int) -> None:
    with localcontext() as narrow:
        # The surrounding precision must not matter: 28 digits would lose wei.
        narrow.prec = 6
        assert units_of(f"{decimal_text(units, decimals)} USDC", decimals) == units


def test_decimal_text_is_never_in_exponents() -> None:
    assert decimal_text(10**30, 6) == str(Decimal(10**24))
    assert decimal_text(1, 18) == "0.000000000000000001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15m", 900),
        ("30d", 2_592_000),
        ("1h30m", 5_400),
        ("90s", 90),
        ("2w", 1_209_600),
        ("P30D", 2_592_000),
        ("PT15M", 900),
        ("P1DT12H", 129_600),
        ("P2W", 1_209_600),
        ("PT0S", 0),
    ],
)
def test_durations_become_seconds(text: str, expected: int) -> None:
    assert Example.model_validate({"wait": text}).wait == expected


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "30", "1mo", "P1M", "P1Y", "1.5h", "-1h", "1h 30m", "99999999w"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert code_of("wait", text) == "bad_duration"


def test_a_cap_is_in_the_chains_own_coin() -> None:
    assert Example.model_validate({"cap": "50 gwei"}).cap == 50_000_000_000
    assert code_of("cap", "1 USDC") == "not_native"
