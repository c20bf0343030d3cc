"""Orders by the calendar: how much each slot swaps, and what the price must be."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import Act, Delivered, NotDelivered, Skip, Wait
from agent.domain.token import TokenAmount
from agent.domain.units import Address
from jobs.dca import DCA, DcaSpec
from jobs.swaps.periodic import OnDeviation
from jobs.twap import TWAP, TwapSpec
from tests.builders import ACCOUNT, NOW, an_occurrence
from tests.unit.jobs.swaps.orders import (
    CHAINLINK,
    DOLLAR,
    ETHER,
    USDC,
    WETH,
    Chain,
    an_order,
    answered,
    moved,
)

# Dollars for ether: the feed prices what is bought.
DCA_SPEC = an_order(DcaSpec, sell="100 USDC", buy="WETH", price=CHAINLINK, price_of="WETH", total="1000 USDC")
TWAP_SPEC = an_order(TwapSpec, sell="10 WETH", slices="3", price=CHAINLINK)
RICH = 10**30


def bought(chain: Chain, spec: DcaSpec = DCA_SPEC) -> object:
    return DCA.evaluate(spec, chain.view(DCA, spec), an_occurrence())


def sliced(left: Mapping[str, int] | None, spec: TwapSpec = TWAP_SPEC, pays: int = 7_000) -> object:
    chain = Chain(pays=pays * DOLLAR, feed=answered("2000"), holds=RICH, left=left)
    return TWAP.evaluate(spec, chain.view(TWAP, spec), an_occurrence())


def test_each_slot_buys_for_the_same_amount_at_the_independent_price() -> None:
    found = bought(Chain(pays=ETHER // 20, feed=answered("2000"), holds=100 * DOLLAR))
    assert isinstance(found, Act)
    assert found.intent["amount"] == str(100 * DOLLAR)
    # 0.05 WETH, less one percent.
    assert found.intent["minimum"] == str(ETHER // 20 * 99 // 100)
    assert [(spend.cap, spend.amount) for spend in found.spends] == [("sold_in_all", 100 * DOLLAR)]


def test_a_slot_of_which_the_chain_alone_knows_spends_what_a_slot_spends() -> None:
    found = bought(Chain(pays=ETHER // 20, feed=answered("2000"), holds=100 * DOLLAR))
    assert isinstance(found, Act)
    assert DCA.slot_spends(DCA_SPEC) == found.spends
    slice_ = sliced({"sold_in_all": 10 * ETHER})
    assert isinstance(slice_, Act)
    assert TWAP.slot_spends(TWAP_SPEC) == slice_.spends


def test_a_venue_that_pays_too_little_is_retried_or_skipped_as_the_file_says() -> None:
    low = Chain(pays=ETHER // 25, feed=answered("2000"), holds=RICH)
    retried = bought(low)
    assert isinstance(retried, Wait)
    assert (retried.code, retried.until) == ("price_deviates", NOW + 60)
    skipped = bought(low, DCA_SPEC.model_copy(update={"on_deviation": OnDeviation.SKIP}))
    assert isinstance(skipped, Skip)
    assert skipped.code == "price_deviates"


def test_the_total_ends_it() -> None:
    chain = Chain(pays=ETHER, feed=answered("2000"), holds=RICH, left={"sold_in_all": 99 * DOLLAR})
    found = bought(chain)
    assert isinstance(found, Skip)
    assert found.code == "total_reached"


def test_a_limit_holds_besides_the_independent_price() -> None:
    spec = an_order(
        DcaSpec, sell="100 USDC", buy="WETH", price=CHAINLINK, limit="1900 USDC per WETH", on_deviation="skip"
    )
    found = bought(Chain(pays=ETHER // 20, feed=answered("2000"), holds=RICH), spec)
    assert isinstance(found, Skip)
    assert found.code == "below_limit"


def test_slices_are_equal_and_the_last_takes_the_rest() -> None:
    third = 10 * ETHER // 3
    for left, amount in (
        (10 * ETHER, third),
        (10 * ETHER - third, third),
        (10 * ETHER - 2 * third, third + 1),
    ):
        found = sliced({"sold_in_all": left})
        assert isinstance(found, Act)
        assert found.intent["amount"] == str(amount)
    done = sliced({"sold_in_all": 0})
    assert isinstance(done, Skip)
    assert done.code == "order_filled"


@given(st.integers(2, 200), st.data())
def test_slices_add_up_exactly(slices: int, data: st.DataObject) -> None:
    units = data.draw(st.integers(slices**2, 10**24))
    spec = TWAP_SPEC.model_copy(update={"sell": TokenAmount(WETH, units), "slices": slices})
    left, sold = units, []
    while amount := spec.due(left):
        sold.append(amount)
        left -= amount
    assert (left, sum(sold), len(sold)) == (0, units, slices)
    assert set(sold[:-1]) <= {units // slices}
    assert sold[-1] - units // slices == units % slices


def test_a_slice_waits_for_a_better_price() -> None:
    found = sliced(None, pays=6_500)
    assert isinstance(found, Wait)
    assert found.code == "price_deviates"


def test_a_session_may_sell_the_whole_and_spare_slices() -> None:
    approve, _ = TWAP.requirements(TWAP_SPEC, ACCOUNT, 5)
    third = 10 * ETHER // 3
    assert approve.token_total == 10 * ETHER + 2 * (third + 1)


def test_what_they_make_is_among_what_their_sessions_are_held_against() -> None:
    for left in (None, {"sold_in_all": 10 * ETHER - 2 * (10 * ETHER // 3)}):
        slice_ = sliced(left)
        assert isinstance(slice_, Act)
        [possible] = TWAP.possible_operations(TWAP_SPEC, ACCOUNT, 5)
        assert possible.includes(slice_.calls)
    period = bought(Chain(pays=ETHER // 20, feed=answered("2000"), holds=RICH, allowed=3))
    assert isinstance(period, Act)
    [possible] = DCA.possible_operations(DCA_SPEC, ACCOUNT, 2)
    assert possible.includes(period.calls)


def test_logs_of_a_slice() -> None:
    pool = Address(b"\x88" * 20)
    third = 10 * ETHER // 3
    received = moved(USDC, pool, ACCOUNT, 6_600 * DOLLAR)
    assert TWAP.confirm(TWAP_SPEC, ACCOUNT, [moved(WETH, ACCOUNT, pool, third), received]) == Delivered()
    for units in (third - 1, third + 2):
        found = TWAP.confirm(TWAP_SPEC, ACCOUNT, [moved(WETH, ACCOUNT, pool, units), received])
        assert isinstance(found, NotDelivered)


@pytest.mark.parametrize(
    "fields", [{"slices": "1"}, {"slices": "10001"}, {"slices": "10", "sell": "0.000099 USDC", "buy": "WETH"}]
)
def test_slices_that_make_no_sense_are_refused(fields: dict[str, str]) -> None:
    whole = {"sell": "10 WETH", "price": CHAINLINK, "price_of": "WETH", **fields}
    assert "slices" in TWAP.objections(an_order(TwapSpec, **whole), ACCOUNT)


def test_totals_are_of_the_token_sold() -> None:
    for total in ("1 WETH", "99 USDC"):
        spec = an_order(DcaSpec, sell="100 USDC", buy="WETH", price=CHAINLINK, total=total)
        assert "total" in DCA.objections(spec, ACCOUNT)
    assert DCA.objections(DCA_SPEC, ACCOUNT) == {}
    assert TWAP.objections(TWAP_SPEC, ACCOUNT) == {}
    assert "price" in DCA.objections(an_order(DcaSpec), ACCOUNT)
