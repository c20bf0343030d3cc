"""When a stop fires, by which price, and what it sells for."""

from dataclasses import replace

import pytest

from agent.domain.evaluation import Act, Evaluation, NextBlock, Skip, Wait
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Glance, Memory
from jobs.stop_loss import STOP_LOSS, StopLossSpec
from jobs.trailing_stop import TRAILING_STOP, TrailingStopSpec
from tests.builders import ACCOUNT, NOW, an_occurrence
from tests.unit.jobs.swaps.orders import CHAINLINK, DOLLAR, USDC_AT, Chain, an_order, answered, looked

STOP = an_order(StopLossSpec, stop="1800 USDC per WETH", price=CHAINLINK)
BOTH = an_order(
    StopLossSpec,
    stop="1800 USDC per WETH",
    take_profit="2500 USDC per WETH",
    price=CHAINLINK,
    minimum="3000 USDC",
)
TRAIL = an_order(TrailingStopSpec, trail_bps="1000", price=CHAINLINK)
BY_AMOUNT = an_order(TrailingStopSpec, trail="150 USDC per WETH", price=CHAINLINK)


def decided(chain: Chain, spec: StopLossSpec = STOP) -> object:
    return STOP_LOSS.evaluate(spec, chain.view(STOP_LOSS, spec), an_occurrence())


def at(dollars: str, *, pays: int = 3_580, block: int = 100, age_s: int = 0) -> Chain:
    return Chain(pays=pays * DOLLAR, feed=answered(dollars, age_s), block=block)


@pytest.mark.parametrize(("dollars", "fires"), [("1800.00000001", False), ("1800", True), ("1200", True)])
def test_the_stop_fires_at_its_level_and_below(dollars: str, fires: bool) -> None:  # noqa: FBT001
    glance = looked(STOP_LOSS, STOP, at(dollars))
    assert glance.fires is fires
    assert glance.code == ("stop_reached" if fires else "above_stop")


def test_a_quote_moved_by_a_trade_fires_no_stop() -> None:
    glance = looked(STOP_LOSS, BOTH, at("2000", pays=2_000))
    assert not glance.fires


def test_a_stop_sells_for_the_independent_price_less_slippage() -> None:
    found = decided(at("1795", pays=3_580))
    assert isinstance(found, Act)
    # 2 WETH at 1795 USDC, less one percent.
    assert found.intent["minimum"] == str(3_554_100_000)


def test_a_feed_read_the_wrong_way_round_sells_nothing() -> None:
    wrong = an_order(StopLossSpec, stop="1800 USDC per WETH", price=CHAINLINK, price_of="USDC")
    found = decided(at("2000", pays=4_000), wrong)
    assert isinstance(found, NextBlock)
    assert found.code == "price_implausible"
    assert isinstance(decided(at("1790", pays=7_160)), Act)
    assert isinstance(decided(at("1790", pays=7_161)), NextBlock)


def test_a_sandwiched_pool_is_refused_for_now() -> None:
    found = decided(at("1795", pays=3_554))
    assert isinstance(found, NextBlock)
    assert found.code == "price_deviates"


def test_the_owners_minimum_is_kept_however_far_the_price_falls() -> None:
    found = decided(at("1400", pays=2_800), BOTH)
    assert isinstance(found, NextBlock)
    assert found.code == "below_minimum"
    paid = decided(at("1510", pays=3_001), BOTH)
    assert isinstance(paid, Act)
    assert paid.intent["minimum"] == str(3_000 * DOLLAR)


def test_a_stale_feed_fires_nothing_and_alarms() -> None:
    for spec in (STOP, BOTH):
        glance = looked(STOP_LOSS, spec, at("1000", age_s=3_601))
        assert (glance.fires, glance.alarm, glance.code) == (False, True, "price_stale")
    found = decided(at("1000", age_s=3_601))
    assert isinstance(found, NextBlock)
    assert found.code == "price_stale"


def test_it_looks_again_when_the_feed_goes_stale() -> None:
    glance = looked(STOP_LOSS, STOP, at("2000", age_s=600))
    assert glance.again.at_time == NOW + 3_001
    assert glance.again.on_change


def test_a_profit_is_taken_when_the_venue_pays_it() -> None:
    glance = looked(STOP_LOSS, BOTH, at("2510", pays=5_000))
    assert (glance.fires, glance.code) == (True, "profit_reached")
    found = decided(at("2510", pays=5_000), BOTH)
    assert isinstance(found, Act)
    assert found.intent["minimum"] == str(5_000 * DOLLAR)
    assert found.intent["for"] == str(USDC_AT)


def test_one_exit_cancels_the_other() -> None:
    glance = looked(STOP_LOSS, BOTH, at("1700", pays=5_000), past=Firings(count=1, succeeded=1))
    assert (glance.fires, glance.again.never) == (False, True)


def test_a_price_that_came_back_sells_nothing() -> None:
    found = decided(at("1801", pays=3_602), BOTH)
    assert isinstance(found, Skip)
    assert found.code == "price_recovered"


def test_a_flapping_price_fires_once_a_crossing() -> None:
    memory: Memory = NO_MEMORY
    fired = []
    for block, dollars in enumerate(("1900", "1790", "1700", "1810", "1799")):
        glance = looked(STOP_LOSS, STOP, at(dollars, block=block), memory)
        memory = glance.memory
        fired.append(glance.fires)
    assert fired == [False, True, False, False, True]


def test_a_gap_through_stop_and_floor_is_one_fire() -> None:
    before = looked(STOP_LOSS, BOTH, at("2000", pays=4_000, block=1))
    assert not before.fires
    after = looked(STOP_LOSS, BOTH, at("900", pays=1_800, block=2), before.memory)
    assert (after.fires, after.code) == (True, "stop_reached")


def test_a_stop_rests_after_a_failed_firing_and_fires_again() -> None:
    first = looked(STOP_LOSS, STOP, at("1700"))
    past = Firings(count=1, last_ended_at=Timestamp(NOW - 60), last_state=State.FAILED)
    again = looked(STOP_LOSS, STOP, at("1700"), first.memory, past)
    assert again.fires
    resting = looked(STOP_LOSS, STOP, at("1700"), first.memory, Firings(count=1, last_ended_at=NOW))
    assert resting.code == "cooling_down"


def test_a_short_balance_waits() -> None:
    found = decided(Chain(pays=3_580 * DOLLAR, feed=answered("1795"), holds=1))
    assert isinstance(found, Wait)
    assert found.code == "insufficient_balance"


def trailed(spec: TrailingStopSpec, *dollars: str) -> list[Glance]:
    memory: Memory = NO_MEMORY
    glances = []
    for block, price in enumerate(dollars):
        age_s = 4_000 if price == "stale" else 0
        chain = at("9000" if price == "stale" else price, block=block, age_s=age_s)
        glances.append(looked(TRAILING_STOP, spec, chain, memory))
        memory = glances[-1].memory
    return glances


def test_a_trailing_stop_follows_the_highest_price() -> None:
    glances = trailed(TRAIL, "2000", "2400", "2200", "2160.00000001", "2160")
    assert [glance.fires for glance in glances] == [False, False, False, False, True]
    assert glances[-1].memory["high"] == 4_800 * DOLLAR
    assert glances[-1].facts["level"] == "4320 USDC"


def test_a_trailing_stop_by_an_amount() -> None:
    glances = trailed(BY_AMOUNT, "2000", "2100", "1951", "1950")
    assert [glance.fires for glance in glances] == [False, False, False, True]


def test_an_unknown_price_is_no_high() -> None:
    glances = trailed(TRAIL, "2000", "stale", "1900", "1799")
    assert [glance.fires for glance in glances] == [False, False, False, True]
    assert glances[1].alarm
    assert glances[2].memory["high"] == 4_000 * DOLLAR


def test_a_trailing_stop_may_start_late() -> None:
    spec = an_order(TrailingStopSpec, trail_bps="1000", start="2100 USDC per WETH", price=CHAINLINK)
    glances = trailed(spec, "2050", "1500", "2100", "1891", "1890")
    assert [glance.fires for glance in glances] == [False, False, False, False, True]
    assert "high" not in glances[1].memory


def edited(sell: str) -> TrailingStopSpec:
    return an_order(TrailingStopSpec, trail_bps="1000", price=CHAINLINK, sell=sell)


@pytest.mark.parametrize("sell", ["1.5 WETH", "0.7 WETH", "3 WETH"])
def test_an_edit_of_the_amount_takes_the_trail_along(sell: str) -> None:
    (seen,), after = trailed(TRAIL, "2400"), edited(sell)

    same = looked(TRAILING_STOP, after, at("2400", block=1), seen.memory)
    above = looked(TRAILING_STOP, after, at("2160.00000001", block=2), same.memory)
    there = looked(TRAILING_STOP, after, at("2160", block=3), above.memory)

    assert [same.fires, above.fires, there.fires] == [False, False, True]
    assert same.memory["high"] == 2_400 * after.sell.base_units * DOLLAR // 10**18


def test_an_edit_of_the_amount_takes_a_trail_by_an_amount_along() -> None:
    (seen,) = trailed(BY_AMOUNT, "2100")
    after = an_order(TrailingStopSpec, trail="150 USDC per WETH", price=CHAINLINK, sell="1.5 WETH")

    above = looked(TRAILING_STOP, after, at("1951", block=1), seen.memory)

    assert not above.fires
    assert looked(TRAILING_STOP, after, at("1950", block=2), above.memory).fires


def test_an_edit_between_firing_and_sale_sells_at_the_level_of_the_new_amount() -> None:
    (seen,), after = trailed(TRAIL, "2400"), edited("1.5 WETH")

    def decided_at(dollars: str) -> Evaluation:
        view = replace(at(dollars, pays=3_250).view(TRAILING_STOP, after), memory=seen.memory)
        return TRAILING_STOP.evaluate(after, view, an_occurrence())

    assert isinstance(decided_at("2160.00000001"), Skip)
    assert isinstance(decided_at("2160"), Act)


def test_a_high_that_names_no_amount_is_of_the_present_one() -> None:
    memory = {"high": 4_800 * DOLLAR}

    above = looked(TRAILING_STOP, TRAIL, at("2160.00000001"), memory)

    assert not above.fires
    assert looked(TRAILING_STOP, TRAIL, at("2160"), memory).fires
    assert looked(TRAILING_STOP, edited("1.5 WETH"), at("2160.00000001"), above.memory).fires is False


def test_a_trailing_stop_sells_for_the_price_of_its_own_block() -> None:
    chain = at("2160", pays=4_300)
    found = TRAILING_STOP.evaluate(TRAIL, chain.view(TRAILING_STOP, TRAIL), an_occurrence())
    assert isinstance(found, Act)
    assert found.intent["minimum"] == str(4_276_800_000)


def trailed_to(high: int, chain: Chain) -> Evaluation:
    view = replace(chain.view(TRAILING_STOP, TRAIL), memory={"high": high * DOLLAR})
    return TRAILING_STOP.evaluate(TRAIL, view, an_occurrence())


def test_a_trailing_stop_looks_at_its_level_again_before_it_sells() -> None:
    assert isinstance(trailed_to(4_800, at("2160", pays=4_300)), Act)
    assert isinstance(trailed_to(4_800, at("2160.00000001", pays=4_300)), Skip)
    back = trailed_to(4_800, at("2300", pays=4_600))
    assert isinstance(back, Skip)
    assert back.code == "price_recovered"
    assert back.why == "the price is back at 4600 USDC for 2 WETH, the level is 4320 USDC"


def test_a_trailing_stop_whose_price_went_stale_looks_at_the_next_block() -> None:
    assert isinstance(trailed_to(4_800, at("2160", age_s=4_000)), NextBlock)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"stop": "1800 USDC per WETH"}, "price"),
        (
            {
                "stop": "1800 USDC per WETH",
                "price": {"uniswap_v3_spot": {"pool": "0x8888888888888888888888888888888888888888"}},
            },
            "price",
        ),
        (
            {"stop": "1800 USDC per WETH", "take_profit": "1800 USDC per WETH", "price": CHAINLINK},
            "take_profit",
        ),
        (
            {
                "stop": "1800 USDC per WETH",
                "take_profit": "1900 USDC per WETH",
                "minimum": "3801 USDC",
                "price": CHAINLINK,
            },
            "minimum",
        ),
        ({"stop": "1800 USDC per WETH", "minimum": "1 WETH", "price": CHAINLINK}, "minimum"),
        ({"stop": "1800 USDC per WETH", "confirmations": "0", "price": CHAINLINK}, "confirmations"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, object], name: str) -> None:
    assert name in STOP_LOSS.objections(an_order(StopLossSpec, **fields), ACCOUNT)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "trail"),
        ({"trail_bps": "500", "trail": "100 USDC per WETH"}, "trail"),
        ({"trail_bps": "10000"}, "trail_bps"),
        ({"trail": "0.001 WETH per USDC"}, "trail"),
    ],
)
def test_a_trail_that_makes_no_sense_is_refused(fields: dict[str, object], name: str) -> None:
    assert name in TRAILING_STOP.objections(an_order(TrailingStopSpec, price=CHAINLINK, **fields), ACCOUNT)


def test_whole_exits_are_accepted() -> None:
    for stop in (STOP, BOTH):
        assert STOP_LOSS.objections(stop, ACCOUNT) == {}
    for trail in (TRAIL, BY_AMOUNT):
        assert TRAILING_STOP.objections(trail, ACCOUNT) == {}
