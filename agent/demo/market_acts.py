"""The acts of the demo that need a market: an order, a stop that is not fooled, a loan that is saved."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.demo.commands import DemoFailed, Worker
from agent.demo.files import LOAN, ORDER, STOP
from agent.demo.market_files import LIMIT, STOP_AT
from agent.demo.stage import POLL_S, Stage, Tell
from agent.demo.witness import Repayment, Sale
from agent.devnet import chain
from agent.devnet.accounts import SmartAccount
from agent.devnet.defi import aave
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.loans import give_weth, supply_and_borrow
from agent.devnet.defi.market import ETHER, FIRST_PRICE, USDC, Market
from agent.devnet.defi.moves import move_pool_price, sandwich, set_oracle_price
from agent.devnet.defi.uniswap_v3 import price

RISEN, FALLEN, CRASHED = 2_150, 1_860, 1_690
"""Dollars for an ether."""
MANIPULATION = 300 * ETHER
MANIPULATED_BLOCKS = 4
ONE = 10**18
TARGET_HEALTH = 12 * ONE // 10
WORST_SALE = CRASHED * USDC * 99 // 100
"""One percent below the feed is the least that the stop takes."""


@dataclass(frozen=True, slots=True)
class Trades:
    """What the chain shows of them."""

    order: Sale
    stop: Sale
    loan: Repayment


async def prepare_account(market: Market, account: SmartAccount) -> None:
    """Give the account an ether for each order, and have its owner take a loan."""
    await give_weth(market, account.address, 2 * ETHER)
    await supply_and_borrow(market, account)


async def play_market(stage: Stage, worker: Worker, tell: Tell) -> None:
    """Move the market and wait for what the worker does about it; raise DemoFailed if it is not that."""
    await _order_fills(stage, worker, tell)
    await _stop_is_not_fooled(stage, worker, tell)
    await _loan_is_saved(stage, worker, tell)
    await _stop_sells(stage, worker, tell)


def trades_of(stage: Stage) -> Trades:
    """Return what the witness saw; raise DemoFailed when it is not what was promised."""
    sales = stage.witness.sales(str(stage.market.weth))
    return promised(sales, stage.witness.repayments(str(stage.market.aave.pool)))


def promised(sales: Sequence[Sale], repayments: Sequence[Repayment]) -> Trades:
    """Take two sales of an ether each, none for less than promised, and one repayment between them.

    Raise DemoFailed for anything else.
    """
    if [sale.sold for sale in sales] != [ETHER, ETHER] or len(repayments) != 1:
        raise DemoFailed(f"the chain shows {sales} and {repayments}, promised were two sales, one repayment")
    trades = Trades(sales[0], sales[1], repayments[0])
    if trades.order.bought < LIMIT * USDC or trades.stop.bought < WORST_SALE:
        raise DemoFailed(f"sold for less than promised: {sales}")
    if not trades.loan.health_before < TARGET_HEALTH <= trades.loan.health_after:
        raise DemoFailed(f"the health factor went otherwise than promised: {trades.loan}")
    if not trades.order.block < trades.loan.block < trades.stop.block:
        raise DemoFailed(f"the stop sold before the price had fallen: {trades}")
    return trades


async def _order_fills(stage: Stage, worker: Worker, tell: Tell) -> None:
    await _trade_to(stage, RISEN)
    tell(f"{ORDER}: the pool's price rose to {RISEN}, the limit is {LIMIT} for an ether, fee included")
    await worker.until_state(ORDER, "1", "final_ok")
    (sale,) = stage.witness.sales(str(stage.market.weth))
    tell(f"{ORDER}: 1 WETH was sold for {sale.bought / USDC:.2f} USDC")
    await _trade_to(stage, FIRST_PRICE)


async def _stop_is_not_fooled(stage: Stage, worker: Worker, tell: Tell) -> None:
    market = stage.market
    async with sandwich(market, market.pool_3000, market.weth, MANIPULATION):
        spot = await price(market.devnet.rpc_url, market.pool_3000, market.weth, ETHER)
        tell(f"{STOP}: somebody sold 300 WETH, the pool says {spot / USDC:.0f}; the stop is at {STOP_AT}")
        await _blocks(stage, MANIPULATED_BLOCKS)
    if worker.has_logged("fired", STOP):
        raise DemoFailed("the stop fired by a price that one trade had made")
    tell(f"{STOP}: it kept still, for Chainlink said {FIRST_PRICE}; the pool is back")


async def _loan_is_saved(stage: Stage, worker: Worker, tell: Tell) -> None:
    market, owner = stage.market, stage.account.address
    await _fall_to(stage, FALLEN)
    tell(f"{LOAN}: the oracle fell to {FALLEN}, the loan's health factor with it")
    await worker.until_state(LOAN, "1", "final_ok")
    (paid,) = stage.witness.repayments(str(market.aave.pool))
    after = (await aave.account_data(market.devnet, market.aave, owner)).health_factor
    health = f"{paid.health_before / ONE:.4f} became {after / ONE:.4f}"
    tell(f"{LOAN}: {paid.amount / USDC:.2f} USDC were paid back: {health}")


async def _stop_sells(stage: Stage, worker: Worker, tell: Tell) -> None:
    await _fall_to(stage, CRASHED)
    tell(f"{STOP}: now the oracle fell, to {CRASHED}")
    await worker.until_state(STOP, "1", "final_ok")
    sale = stage.witness.sales(str(stage.market.weth))[-1]
    tell(f"{STOP}: 1 WETH was sold for {sale.bought / USDC:.2f} USDC")


async def _trade_to(stage: Stage, dollars: int) -> None:
    await move_pool_price(stage.market, dollars * USDC)


async def _fall_to(stage: Stage, dollars: int) -> None:
    # First the pools: what the feed sets off is to find the market where the feed says it is.
    await _trade_to(stage, dollars)
    await set_oracle_price(stage.market, dollars * DOLLAR)


async def _blocks(stage: Stage, count: int) -> None:
    devnet = stage.market.devnet
    last = await chain.block_number(devnet) + count
    while await chain.block_number(devnet) < last:  # noqa: ASYNC110 - a chain gives no event
        await asyncio.sleep(POLL_S)
