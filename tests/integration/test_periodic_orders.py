"""Orders by the calendar on a real exchange: equal slices, equal payments, and what stops them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.market import USDC, Market
from agent.devnet.defi.moves import move_pool_price, pass_time, set_oracle_price
from agent.domain.states import State
from tests.integration.trading import ETHER, Desk, Order, a_desk, feed

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
HOUR_S = 3_600


async def test_slices_and_payments_are_made_by_the_calendar(market: Market, tmp_path: Path) -> None:
    now = await chain.block_time(market.devnet)
    start = datetime.fromtimestamp(now + 60, UTC).isoformat().replace("+00:00", "Z")
    by_hour = f'schedule: {{interval: 1h, start: "{start}", count: 3}}\ngrace: 50m\n'
    price = f"price: {feed(market)}, price_of: WETH"
    skipping = f'{price}, on_deviation: skip, total: "300 USDC"'
    orders = [
        Order("slices", "twap", f"slices: 3, {price}", "v3", ("10 WETH", "USDC"), by_hour),
        Order("average", "dca", skipping, "universal_v3", ("100 USDC", "WETH"), by_hour),
        Order(
            "ends", "dca", f"{price}, max_slippage_bps: 2000", "v3_02", ("1 USDC", "WETH"), by_hour, periods=2
        ),
    ]
    desk = await a_desk(market, tmp_path, orders)
    for name in ("average", "ends"):
        await desk.market_gives(desk.traders[name].account.address, 500 * USDC)

    await _next_slot(desk, 61)
    third = 10 * ETHER // 3
    assert await desk.holds("slices", market.weth) == 10 * ETHER * 51 // 50 - third
    assert await desk.holds("average", market.weth) >= ETHER * 49 // 1_000

    # For a slot the pools pay much less than the feed says: one order leaves it out, the other waits.
    await move_pool_price(market, 2_200 * USDC)
    await _next_slot(desk, HOUR_S)
    assert [run.state for run in await desk.runs("average")] == [State.FINAL_OK, State.SKIPPED]
    await move_pool_price(market, 1_800 * USDC)
    await _next_slot(desk, HOUR_S)
    *_, waiting = await desk.runs("slices")
    assert (waiting.state, waiting.code) == (State.DUE, "price_deviates")
    await move_pool_price(market, 2_000 * USDC)
    await _next_slot(desk, 120)

    assert [run.state for run in await desk.runs("slices")] == [State.FINAL_OK] * 3
    # The last slice takes what does not divide.
    assert await desk.holds("slices", market.weth) == 10 * ETHER * 2 // 100
    assert await desk.holds("slices", market.usdc) >= 19_600 * USDC
    assert await desk.holds("average", market.usdc) == 602 * USDC - 200 * USDC
    # A session for two slots pays no third.
    *_, third_run = await desk.runs("ends")
    assert third_run.state not in (State.FINAL_OK, State.SENT)
    assert third_run.code in ("usage_limit", "spending_limit")


async def _next_slot(desk: Desk, seconds: int) -> None:
    await pass_time(desk.market.devnet, seconds)
    await set_oracle_price(desk.market, 2_000 * DOLLAR)
    await desk.look()
