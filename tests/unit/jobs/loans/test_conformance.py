"""The kind conforms for every protocol and means."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.evaluation import Read
from agent.domain.token import Token
from jobs import KINDS, erc20
from jobs.conformance import CHECKS, Sample
from jobs.conformance.decisions import decision_is_sound
from jobs.conformance.watching import glance_is_sound
from jobs.fields import FieldContext
from jobs.loan_repay_spec import LoanRepaySpec
from tests.builders import ACCOUNT, NOW
from tests.unit.jobs.loans import aave_answers, test_compound_v3, test_morpho_blue
from tests.unit.jobs.loans.aave_answers import DATA, DOLLAR, ORACLE, POOL, PROVIDER, USDC, WETH, Chain
from tests.unit.jobs.loans.test_health import COMET_TEXT, MORPHO_TEXT

KIND = KINDS["loan_repay"]
AAVE_TEXT = {
    "pool": str(POOL),
    "addresses_provider": str(PROVIDER),
    "oracle": str(ORACLE),
    "data_provider": str(DATA),
}
LEVELS = {"trigger": "1.10", "target": "1.30"}
PAYS = {"max_per_action": "6000 USDC", "max_per_day": "9000 USDC"}
ADDS = {
    "using": "collateral",
    "max_per_action": "6 WETH",
    "max_per_day": "9 WETH",
    "min_per_action": "1 WETH",
}
FEED = str(aave_answers.ORACLE)
Values = Mapping[Read, bytes | None]


def a_sample(
    protocol: str, text: Mapping[str, Any], rest: Mapping[str, Any], token: Token, values: Values
) -> Sample:
    """Return a sample whose answers are taken from `values`; other reads fail."""
    spec = {"loan": {protocol: text}, **LEVELS, **rest}
    tokens = {token.symbol: token}
    model = LoanRepaySpec.model_validate(spec, context=FieldContext(tokens))
    reads, watched = KIND.reads(model, ACCOUNT), KIND.watch_reads(model, ACCOUNT)
    return Sample(
        KIND,
        spec,
        acts_on=[values.get(read) for read in reads],
        fires_on=[[values.get(read) for read in watched]],
        tokens=tokens,
        account=ACCOUNT,
    )


def fresh(values: Values) -> Values:
    return {**values, _feed_read(): b"".join(map(erc20.word, (5, 1, 0, NOW, 5)))}


def _feed_read() -> Read:
    spec = {"loan": {"aave_v3": AAVE_TEXT}, **LEVELS, **PAYS, "feeds": [{"feed": FEED, "max_age": "1h"}]}
    model = LoanRepaySpec.model_validate(spec, context=FieldContext({"USDC": USDC}))
    return model.feeds[0].read()


AAVE = Chain(lent=10**11, is_collateral=True)
ETHER = Chain(price=1_860 * DOLLAR, lent=10**19, owed=0, held=10**19, is_collateral=True)
AAVE_LOW, ETHER_LOW = aave_answers.answers(AAVE), aave_answers.answers(ETHER, WETH)
CHEAP = test_morpho_blue.ETHER_AT_2000 * 85 // 100
MORPHO_LOW = test_morpho_blue.a_view(price=CHEAP, held=10**20).values
COMET_LOW = test_compound_v3.a_view(price=1_600 * DOLLAR).values
SAMPLES = {
    "aave wallet": a_sample("aave_v3", AAVE_TEXT, PAYS, USDC, AAVE_LOW),
    "aave with a feed": a_sample(
        "aave_v3", AAVE_TEXT, {**PAYS, "feeds": [{"feed": FEED, "max_age": "1h"}]}, USDC, fresh(AAVE_LOW)
    ),
    "aave atokens": a_sample("aave_v3", AAVE_TEXT, {**PAYS, "using": "atokens"}, USDC, AAVE_LOW),
    "aave collateral": a_sample("aave_v3", AAVE_TEXT, ADDS, WETH, ETHER_LOW),
    "morpho wallet": a_sample("morpho_blue", MORPHO_TEXT, PAYS, test_morpho_blue.USDC, MORPHO_LOW),
    "morpho collateral": a_sample("morpho_blue", MORPHO_TEXT, ADDS, test_morpho_blue.WETH, MORPHO_LOW),
    "comet wallet": a_sample("compound_v3", COMET_TEXT, PAYS, test_compound_v3.PAY.token, COMET_LOW),
    "comet collateral": a_sample("compound_v3", COMET_TEXT, ADDS, test_compound_v3.ADD.token, COMET_LOW),
}
samples = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())


@samples
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_kind_conforms(sample: Sample, check: Callable[[Sample], None]) -> None:
    check(sample)


@samples
@settings(max_examples=40)
@given(data=st.data())
def test_answers_that_no_market_gives_are_decided_too(sample: Sample, data: st.DataObject) -> None:
    """A few answers are replaced: wholly random ones are found unreadable at once."""
    spec, account = sample.read_spec(), sample.account
    words = st.lists(st.sampled_from([0, 1, 2**64, 2**128, 2**256 - 1]), max_size=9)
    strange = st.none() | st.binary(max_size=100) | words.map(lambda found: b"".join(map(erc20.word, found)))
    for ask, told in ((KIND.reads, sample.acts_on), (KIND.watch_reads, sample.fires_on[0])):
        places = st.integers(0, len(told) - 1)
        replaced = data.draw(st.dictionaries(places, strange, min_size=1, max_size=3))
        answers = [replaced.get(place, answer) for place, answer in enumerate(told)]
        view = sample.view(ask(spec, account), answers)
        if ask == KIND.reads:
            decision_is_sound(sample, spec, view)
        else:
            glance_is_sound(sample, spec, view, {})
