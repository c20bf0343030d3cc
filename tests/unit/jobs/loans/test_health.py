"""The health factor as a condition of any kind, and what a file says of a market."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from agent.domain.units import UINT256_MAX
from jobs.conditions.leaf_fields import HealthFields
from jobs.conditions.verdict import Unknown
from jobs.loans.compound_v3 import CompoundV3
from jobs.loans.fields import LoanFields
from jobs.loans.health import MarketHealth
from jobs.loans.morpho_blue import MorphoBlue
from tests.builders import ACCOUNT
from tests.unit.jobs.loans import aave_answers, test_compound_v3, test_morpho_blue

MORPHO_TEXT = {
    "morpho": str(test_morpho_blue.MORPHO),
    "loan_token": str(test_morpho_blue.LOAN),
    "collateral_token": str(test_morpho_blue.COLLATERAL),
    "oracle": str(test_morpho_blue.ORACLE),
    "irm": str(test_morpho_blue.IRM),
    "lltv": "0.86",
}
COMET_TEXT: dict[str, Any] = {
    "comet": str(test_compound_v3.COMET),
    "base_token": str(test_compound_v3.BASE),
    "base_price_feed": str(test_compound_v3.BASE_FEED),
    "collaterals": [
        {"asset": str(test_compound_v3.WETH), "price_feed": str(test_compound_v3.WETH_FEED)},
        {"asset": str(test_compound_v3.OTHER), "price_feed": str(test_compound_v3.OTHER_FEED)},
    ],
}
PROTOCOLS = {"morpho_blue": MORPHO_TEXT, "compound_v3": COMET_TEXT}


def test_a_file_names_a_market() -> None:
    morpho = LoanFields.model_validate({"morpho_blue": MORPHO_TEXT}).market()
    comet = LoanFields.model_validate({"compound_v3": COMET_TEXT}).market()
    assert morpho == test_morpho_blue.MARKET
    assert comet == test_compound_v3.MARKET
    assert isinstance(morpho, MorphoBlue)
    assert isinstance(comet, CompoundV3)


@pytest.mark.parametrize("text", [{}, PROTOCOLS])
def test_a_loan_has_one_market(text: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LoanFields.model_validate(text)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_condition_takes_the_health_of_any_protocol(protocol: str) -> None:
    fields = HealthFields.model_validate({"loan": {protocol: PROTOCOLS[protocol]}, "below": "1.1"})
    source = fields.loan.chosen.source(ACCOUNT)
    assert isinstance(source, MarketHealth)
    assert set(fields.condition(ACCOUNT).reads()) == set(source.market.health_reads(ACCOUNT))


def test_the_health_is_in_parts_of_ten_to_the_eighteenth() -> None:
    source = MarketHealth(test_morpho_blue.MARKET, ACCOUNT)
    assert source.health(test_morpho_blue.a_view()) == 17_200 * 10**18 // 15_000
    assert source.health(test_morpho_blue.a_view(owed=0)) == UINT256_MAX
    unknown = source.health(test_morpho_blue.a_view(answer=None))
    assert isinstance(unknown, Unknown)
    assert unknown.code == "health_factor_unreadable"


def test_aave_tells_the_same_number() -> None:
    source = MarketHealth(aave_answers.MARKET, ACCOUNT)
    assert source.health(aave_answers.a_view(aave_answers.answers(aave_answers.Chain()))) == 1_023 * 10**15
