"""Limit orders on the real routers, under sessions made for them, sent through a real bundler."""

import asyncio
from pathlib import Path

import pytest

from agent.devnet import rpc
from agent.devnet.accounts import send_as_owner
from agent.devnet.defi.calls import approve_call
from agent.devnet.defi.loans import give
from agent.devnet.defi.market import USDC, Market
from agent.devnet.defi.moves import move_pool_price, pass_time, sandwich
from agent.domain.operation import JournaledOperation
from agent.domain.states import State
from tests.bundling import bundling_stopped
from tests.devnet import HAPPENS_WITHIN_S
from tests.integration.lending import books
from tests.integration.trading import (
    ETHER,
    Desk,
    Order,
    a_desk,
    buy_ether_on_v2,
    sell_ether_on_v2,
    send_away,
)

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
AT_2050 = 'limit: "2050 USDC per WETH"'


async def test_orders_fill_on_every_router_when_the_price_crosses(market: Market, tmp_path: Path) -> None:
    waiting = [
        Order(name.replace("_", "-"), "limit_order", AT_2050, name)
        for name in ("v2", "v3", "v3_02", "universal_v3", "universal_v2")
    ]
    ready = [
        Order("burning", "limit_order", 'minimum: "0.48 WETH"', "burning", ("1000 BURN", "WETH")),
        Order("no-bool", "limit_order", 'minimum: "0.49 WETH"', "v3", ("1000 USDT", "WETH")),
        Order("no-bool-v2", "limit_order", 'minimum: "0.49 WETH"', "v2", ("1000 USDT", "WETH")),
    ]
    # There and back again; the longest takes more rules than UniAction has.
    paths = [
        Order(name.replace("_", "-"), "limit_order", 'minimum: "3500 USDC"', name)
        for name in ("v3_path", "v3_02_path", "universal_long")
    ]
    desk = await a_desk(market, tmp_path, [*waiting, *ready, *paths])
    old = approve_call(market.odd.no_return, market.v3.swap_router, 5)
    await send_as_owner(market.devnet, desk.traders["no-bool"].account, [old])
    await desk.look()
    # What was left of an older approval is gone with it.
    assert await desk.allowance("no-bool", market.odd.no_return, market.v3.swap_router) == 0
    for order in waiting:
        assert await desk.runs(order.name) == ()
        assert (await desk.trigger(order.name)).seen.code == "below_limit"
    for order in ready:
        (run,) = await desk.runs(order.name)
        assert (run.state, run.reason) == (State.FINAL_OK, "")
        assert await desk.holds(order.name, market.weth) >= ETHER * 48 // 100

    for order in paths:
        (run,) = await desk.runs(order.name)
        assert (run.state, run.reason) == (State.FINAL_OK, "")
        assert await desk.holds(order.name, market.usdc) >= 3_500 * USDC

    await move_pool_price(market, 2_100 * USDC)
    await buy_ether_on_v2(market, 60_000 * USDC)
    await desk.look()
    for order in waiting:
        (run,) = await desk.runs(order.name)
        assert (run.slot, run.state, run.reason) == ("1", State.FINAL_OK, "")
        assert await desk.holds(order.name, market.usdc) >= 4_100 * USDC
        # Sold whole, and nothing is left approved.
        assert await desk.holds(order.name, market.weth) == ETHER * 4 // 100
        for spender in (market.v2.router, market.v3.swap_router, market.v3.swap_router_02, market.permit2):
            assert await desk.allowance(order.name, market.weth, spender) == 0

    await desk.look()
    for order in (*waiting, *ready):
        assert len(await desk.runs(order.name)) == 1


async def test_an_order_is_filled_in_parts_and_never_below_its_limit(market: Market, tmp_path: Path) -> None:
    spec = 'limit: "1990 USDC per WETH", partial_fill: {least: "0.5 WETH", fills: 3}, cool_down: 1s'
    orders = [
        Order(name.replace("_", "-"), "limit_order", spec, name, ("50 WETH", "USDC"))
        for name in ("v3", "v3_02")
    ]
    desk = await a_desk(market, tmp_path, orders)
    await desk.look()
    received = {order.name: await desk.holds(order.name, market.usdc) for order in orders}
    (winner,) = (name for name, units in received.items() if units)
    for order in orders:
        (run,) = await desk.runs(order.name)
        # Both want what there is before the limit: one takes it, the other sells nothing for less.
        lost = (State.FAILED, State.SKIPPED)
        assert run.state in ((State.FINAL_OK,) if order.name == winner else lost)
    sold = 51 * ETHER - await desk.holds(winner, market.weth)
    assert ETHER // 2 <= sold < 50 * ETHER
    assert received[winner] * ETHER >= sold * 1_990 * USDC

    await pass_time(market.devnet, 5)
    await move_pool_price(market, 2_500 * USDC)
    for _ in range(2):
        await desk.look()
        await pass_time(market.devnet, 5)
    for order in orders:
        runs = await desk.runs(order.name)
        left = await desk.holds(order.name, market.weth)
        assert runs[-1].state in (State.FINAL_OK, State.SKIPPED)
        # All of it, but for what was offered in one part and not taken.
        assert ETHER <= left <= ETHER + ETHER // 10
        assert await desk.allowance(order.name, market.weth, market.v3.swap_router) == 0
        assert await desk.allowance(order.name, market.weth, market.v3.swap_router_02) == 0


async def test_a_flapping_price_a_short_balance_and_a_sandwich(market: Market, tmp_path: Path) -> None:
    order = Order("sale", "limit_order", f"{AT_2050}, cool_down: 1m")
    desk = await a_desk(market, tmp_path, [order])
    devnet, trader = market.devnet, desk.traders["sale"]
    await send_away(devnet, trader, market.weth, ETHER // 2)

    await move_pool_price(market, 2_100 * USDC)
    await desk.look()
    (run,) = await desk.runs("sale")
    assert (run.state, run.code) == (State.DUE, "insufficient_balance")
    # The firing is open: the price may cross as often as it likes.
    for price in (2_000, 2_100, 2_000):
        await move_pool_price(market, price * USDC)
        await desk.look()
    assert len(await desk.runs("sale")) == 1
    await give(market, market.weth, trader.account.address, ETHER)
    await pass_time(devnet, 90)
    await desk.look()
    (run,) = await desk.runs("sale")
    assert (run.state, run.code) == (State.SKIPPED, "below_limit")

    await pass_time(devnet, 90)
    await move_pool_price(market, 2_100 * USDC)
    async with sandwich(market, market.pool_3000, market.weth, 200 * ETHER):
        # The venue pays less than the limit: there is nothing to fire.
        await desk.look()
        assert len(await desk.runs("sale")) == 1
    await desk.look()
    _, second = await desk.runs("sale")
    assert (second.slot, second.state) == ("2", State.FINAL_OK)
    assert await desk.holds("sale", market.usdc) >= 4_100 * USDC


async def test_the_floor_is_kept_on_chain_when_the_pool_moves_after_signing(
    market: Market, tmp_path: Path
) -> None:
    names = ("v2", "v3", "v3_02", "universal_v3", "universal_v2")
    orders = [
        Order(name.replace("_", "-"), "limit_order", f"{AT_2050}, cool_down: 1m", name) for name in names
    ]
    desk = await a_desk(market, tmp_path, orders)
    await move_pool_price(market, 2_100 * USDC)
    await buy_ether_on_v2(market, 60_000 * USDC)
    async with bundling_stopped(market.devnet) as bundling:
        looking = asyncio.create_task(desk.look())
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while await _on_their_way(desk) < len(orders):
                await asyncio.sleep(0.2)
        await move_pool_price(market, 1_950 * USDC)
        await sell_ether_on_v2(market, 40 * ETHER)
        await bundling.go_on()
        await looking
    for order in orders:
        (run,) = await desk.runs(order.name)
        assert (run.slot, run.state) == ("1", State.FAILED)
        # It reverted: nothing was sold, and nothing is left approved.
        assert await desk.holds(order.name, market.weth) == 2 * ETHER * 51 // 50
        assert await desk.holds(order.name, market.usdc) == 0

    await pass_time(market.devnet, 90)
    await move_pool_price(market, 2_100 * USDC)
    await desk.look()
    for name in ("v3", "v3-02", "universal-v3"):
        _, second = await desk.runs(name)
        assert (second.slot, second.state) == ("2", State.FINAL_OK)


async def test_an_order_stuck_beyond_its_deadline_gets_new_calls_on_its_nonce(
    market: Market, tmp_path: Path
) -> None:
    desk = await a_desk(market, tmp_path, [Order("sale", "limit_order", f"{AT_2050}, cool_down: 1m")])
    await move_pool_price(market, 2_100 * USDC)
    async with bundling_stopped(market.devnet) as bundling:
        looking = asyncio.create_task(desk.look())
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while await _on_their_way(desk) < 1:
                await asyncio.sleep(0.2)
        await pass_time(market.devnet, 200)
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while len(await _signed(desk)) < 2 or not await _on_their_way(desk):
                await asyncio.sleep(0.2)
        await bundling.go_on()
        await looking

    (run,) = await desk.runs("sale")
    first, *_, last = await _signed(desk)
    assert (run.slot, run.state, run.attempt) == ("1", State.FINAL_OK, 1)
    assert run.inclusion is not None
    assert run.inclusion.user_op_hash == last.user_op_hash
    assert first.nonce == last.nonce
    assert first.operation.call_data != last.operation.call_data
    assert await desk.holds("sale", market.usdc) >= 4_100 * USDC


async def _signed(desk: Desk) -> tuple[JournaledOperation, ...]:
    return (await books(desk.folder)).operations["sale"]


async def _on_their_way(desk: Desk) -> int:
    """Count the orders whose newest operation the bundler has: signed is not sent."""
    signed = [operations[-1] for operations in (await books(desk.folder)).operations.values() if operations]
    url, method = desk.market.devnet.bundler_url, "pimlico_getUserOperationStatus"
    told = [await rpc.call(url, method, str(item.user_op_hash)) for item in signed]
    return sum(one["status"] != "not_found" for one in told)
