"""Stops on the real exchange and a real feed: what fires them, what does not, and what they sell for."""

from pathlib import Path

import pytest

from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.market import USDC, Market
from agent.devnet.defi.moves import make_feed_stale, move_pool_price, pass_time, set_oracle_price
from agent.domain.states import State
from tests.integration.trading import ETHER, Order, a_desk, feed

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
AT_1800 = 'stop: "1800 USDC per WETH"'


async def test_a_moved_pool_fires_no_stop_and_the_oracle_does(market: Market, tmp_path: Path) -> None:
    price = f"price: {feed(market)}"
    both = f'{AT_1800}, take_profit: "2500 USDC per WETH", {price}'
    twap = f'{AT_1800}, price: {{uniswap_v3_twap: {{pool: "{market.pool_3000.address}", window: 30m}}}}'
    orders = [
        Order("stop", "stop_loss", f"{AT_1800}, {price}"),
        Order("both", "stop_loss", both, "universal_v3"),
        Order("mean", "stop_loss", f"{twap}, max_slippage_bps: 500", "v3_02"),
        Order("trail", "trailing_stop", f"trail_bps: 1000, {price}", "v3_02"),
        Order("floor", "stop_loss", f'{AT_1800}, {price}, minimum: "3500 USDC"'),
    ]
    desk = await a_desk(market, tmp_path, orders)

    # Somebody sells until an ether costs 1400 in the pools, and for a moment only.
    await move_pool_price(market, 1_400 * USDC)
    await desk.look()
    for order in orders:
        assert await desk.runs(order.name) == ()
    await move_pool_price(market, 2_000 * USDC)

    # A feed that says nothing new is no price, and somebody hears of it.
    await make_feed_stale(market, 7_200)
    await desk.look()
    seen = (await desk.trigger("stop")).seen
    assert (seen.code, seen.alarm) == ("price_stale", True)

    # The price falls through stop and trail in one step; the pools were moved further than that.
    await set_oracle_price(market, 1_700 * DOLLAR)
    await move_pool_price(market, 1_500 * USDC)
    await desk.look()
    for name, code in (
        ("stop", "price_deviates"),
        ("both", "price_deviates"),
        ("trail", "price_deviates"),
        ("floor", "below_minimum"),
    ):
        (run,) = await desk.runs(name)
        assert (run.state, run.code) == (State.DUE, code)
        assert await desk.holds(name, market.usdc) == 0

    await move_pool_price(market, 1_702 * USDC)
    await pass_time(market.devnet, 15)
    await desk.look()
    for name in ("stop", "both", "trail"):
        (run,) = await desk.runs(name)
        assert (run.slot, run.state, run.reason) == ("1", State.FINAL_OK, "")
        # What the oracle says, less one percent.
        assert 3_366 * USDC <= await desk.holds(name, market.usdc) <= 3_404 * USDC
    (kept,) = await desk.runs("floor")
    assert (kept.state, kept.code) == (State.DUE, "below_minimum")

    # Half an hour later the pool's own mean price has come down too.
    assert await desk.runs("mean") == ()
    await pass_time(market.devnet, 3_000)
    await set_oracle_price(market, 1_700 * DOLLAR)
    await desk.look()
    (run,) = await desk.runs("mean")
    assert (run.state, run.reason) == (State.FINAL_OK, "")


async def test_a_profit_taken_cancels_the_stop(market: Market, tmp_path: Path) -> None:
    both = f'{AT_1800}, take_profit: "2200 USDC per WETH", price: {feed(market)}'
    desk = await a_desk(market, tmp_path, [Order("both", "stop_loss", both)])
    await set_oracle_price(market, 2_250 * DOLLAR)
    await move_pool_price(market, 2_250 * USDC)
    await desk.look()
    (run,) = await desk.runs("both")
    assert (run.state, run.reason) == (State.FINAL_OK, "")
    assert await desk.holds("both", market.usdc) >= 4_400 * USDC
    await set_oracle_price(market, 1_000 * DOLLAR)
    await move_pool_price(market, 1_000 * USDC)
    await desk.look()
    assert len(await desk.runs("both")) == 1
    assert await desk.holds("both", market.weth) == ETHER * 4 // 100


async def test_a_trail_whose_price_is_back_sells_nothing_and_is_armed_again(
    market: Market, tmp_path: Path
) -> None:
    trail = Order("trail", "trailing_stop", f"trail_bps: 1000, price: {feed(market)}")
    desk = await a_desk(market, tmp_path, [trail])
    await desk.look()

    # The feed says that the price fell, and the pool pays too little for it.
    await set_oracle_price(market, 1_700 * DOLLAR)
    await move_pool_price(market, 1_500 * USDC)
    await desk.look()
    (run,) = await desk.runs("trail")
    assert (run.state, run.code) == (State.DUE, "price_deviates")

    # Now it says 1850, above the 1800 at which the trail sells.
    await set_oracle_price(market, 1_850 * DOLLAR)
    await move_pool_price(market, 1_850 * USDC)
    await pass_time(market.devnet, 15)
    await desk.look()
    (run,) = await desk.runs("trail")
    assert (run.state, run.code) == (State.SKIPPED, "price_recovered")
    assert await desk.holds("trail", market.usdc) == 0

    await pass_time(market.devnet, 120)
    await desk.look()
    assert len(await desk.runs("trail")) == 1
    await set_oracle_price(market, 1_790 * DOLLAR)
    await move_pool_price(market, 1_790 * USDC)
    await desk.look()
    (_, sold) = await desk.runs("trail")
    assert (sold.state, sold.reason) == (State.FINAL_OK, "")
    assert await desk.holds("trail", market.usdc) >= 3_540 * USDC
