"""What the operator lets a paymaster do, to the last unit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import PaymasterCap, PaymasterRejected
from agent.domain.paymaster import (
    MAX_DATA_BYTES,
    PaymasterKey,
    PaymasterOffer,
    PaymasterRules,
    TokenFee,
    check_costs,
    check_fields,
    final_fields,
    spent,
    stub_fields,
)
from agent.domain.token import Token
from agent.domain.units import Address, Gas, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields
from agent.domain.utc_day import day_of
from tests.builders import ACCOUNT, CHAIN_ID, an_inclusion

PAYMASTER = Address(bytes(19) + b"\xcc")
OTHER = Address(bytes(19) + b"\xdd")
USDC = Token("USDC", Address(bytes(19) + b"\xee"), 6)
FEE = TokenFee(USDC, max_rate=3_000_000_000, max_fee=500_000, max_fee_per_day=2_000_000)
RULES = PaymasterRules("sponsor", CHAIN_ID, (PAYMASTER,), Wei(1_000), Wei(5_000), Gas(300), Gas(200))
STUB = PaymasterFields(PAYMASTER, Gas(300), Gas(200), b"12345")
OFFER = PaymasterOffer(PAYMASTER, b"12345", Gas(300), Gas(200))


def refusal(rules: PaymasterRules, offer: PaymasterOffer) -> str:
    """Return the code with which an offer is refused, as a stub and at last."""
    codes = []
    for is_stub in (True, False):
        try:
            stub_fields(rules, offer) if is_stub else final_fields(rules, STUB, offer)
        except PaymasterRejected as error:
            codes.append(error.code)
    return " ".join(codes)


def test_at_its_caps_an_offer_is_taken() -> None:
    assert stub_fields(RULES, OFFER) == final_fields(RULES, STUB, OFFER) == STUB


@pytest.mark.parametrize(
    ("offer", "codes"),
    [
        (replace(OFFER, paymaster=OTHER), "paymaster_not_allowed paymaster_changed"),
        (replace(OFFER, verification_gas_limit=Gas(301)), "paymaster_gas_above_cap paymaster_gas_above_cap"),
        (replace(OFFER, post_op_gas_limit=Gas(201)), "paymaster_gas_above_cap paymaster_gas_above_cap"),
        (replace(OFFER, post_op_gas_limit=None), "paymaster_gas_unknown"),
        (replace(OFFER, data=b"123456"), "paymaster_data_longer"),
        (replace(OFFER, data=bytes(MAX_DATA_BYTES + 1)), "paymaster_data_too_long paymaster_data_longer"),
        (replace(OFFER, data=b"1234"), ""),
        (replace(OFFER, verification_gas_limit=None), ""),
    ],
)
def test_what_the_rules_forbid_is_refused_with_a_code(offer: PaymasterOffer, codes: str) -> None:
    assert refusal(RULES, offer) == codes


def test_a_stub_that_names_another_listed_contract_may_not_be_followed_by_the_first() -> None:
    rules = replace(RULES, addresses=(PAYMASTER, OTHER))
    with pytest.raises(PaymasterRejected) as refused:
        final_fields(rules, STUB, replace(OFFER, paymaster=OTHER))
    assert refused.value.code == "paymaster_changed"


def test_final_data_without_gas_limits_keeps_those_of_the_stub() -> None:
    final = final_fields(RULES, STUB, PaymasterOffer(PAYMASTER, b"54321"))
    assert final == replace(STUB, paymaster_data=b"54321")


def test_a_gas_limit_that_is_too_large_names_both_numbers() -> None:
    with pytest.raises(PaymasterRejected, match="301, the cap is 300"):
        check_fields(RULES, replace(STUB, paymaster_verification_gas_limit=Gas(301)))


def test_one_operation_may_cost_its_cap_and_no_wei_more() -> None:
    check_costs(RULES, Wei(1_000))
    with pytest.raises(PaymasterCap) as refused:
        check_costs(RULES, Wei(1_001))
    assert (refused.value.code, refused.value.asked, refused.value.cap) == (
        "paymaster_cost_above_cap",
        1_001,
        1_000,
    )


def test_a_fee_is_held_against_its_cap_at_the_highest_rate() -> None:
    rules = replace(RULES, max_cost_wei=Wei(10**18), token_fee=FEE)
    cost_wei = Wei(500_000 * 10**18 // FEE.max_rate)
    check_costs(rules, cost_wei)
    with pytest.raises(PaymasterCap) as refused:
        check_costs(rules, Wei(cost_wei + 1))
    assert (refused.value.code, refused.value.asked, refused.value.cap) == (
        "paymaster_fee_above_cap",
        500_001,
        500_000,
    )


@given(cost=st.integers(0, 2**128), rate=st.integers(1, 2**128))
def test_the_worst_fee_is_never_rounded_down(cost: int, rate: int) -> None:
    worst = replace(FEE, max_rate=rate).worst(Wei(cost))
    assert worst * 10**18 >= cost * rate > (worst - 1) * 10**18


@pytest.mark.parametrize(
    "key",
    [
        PaymasterKey(CHAIN_ID, "sponsor", "2026-03-01"),
        PaymasterKey(CHAIN_ID, "usdc-one", "2026-03-01", USDC.address, ACCOUNT),
    ],
)
def test_a_key_survives_its_text(key: PaymasterKey) -> None:
    assert PaymasterKey.parse(str(key)) == key


def test_a_day_is_one_of_utc() -> None:
    assert [day_of(Timestamp(at)) for at in (86_399, 86_400)] == ["1970-01-01", "1970-01-02"]


def test_what_nobody_measured_counts_as_the_worst_case() -> None:
    gas = str(PaymasterKey(CHAIN_ID, "sponsor", "2026-03-01"))
    fee = str(PaymasterKey(CHAIN_ID, "sponsor", "2026-03-01", USDC.address, ACCOUNT))
    seen = an_inclusion()
    assert (spent(gas, 7, None), spent(fee, 7, None), spent(fee, 7, seen)) == (7, 7, 7)
    assert spent(gas, 7, seen) == seen.actual_gas_cost_wei
    assert spent(fee, 7, replace(seen, paymaster_fee=9)) == 9
