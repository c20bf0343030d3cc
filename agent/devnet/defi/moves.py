"""Move the market: prices of pools and feeds, sandwiches, time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.devnet import chain
from agent.devnet.defi.calls import TRADER, abi_call
from agent.devnet.defi.chainlink import DOLLAR, Feed, set_price, set_stale
from agent.devnet.defi.market import ETHER, FIRST_PRICE, USDC, Market
from agent.devnet.defi.prices import sqrt_price_x96
from agent.devnet.defi.uniswap_v3 import NO_DEADLINE, Pool, slot0
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.devnet.transactions import transact
from agent.domain.units import Address

SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"


@dataclass(frozen=True, slots=True)
class Swap:
    """What TRADER paid and got, in base units."""

    token_in: Address
    amount_in: int
    token_out: Address
    amount_out: int


async def swap(
    market: Market, pool: Pool, token_in: Address, amount_in: int, sqrt_price_limit: int = 0
) -> Swap:
    """Sell as TRADER, down to a price limit if one is given; what came of it is in the answer."""
    token_out = pool.token1 if token_in == pool.token0 else pool.token0
    terms = (token_in, token_out, pool.fee, TRADER, NO_DEADLINE, amount_in, 0, sqrt_price_limit)
    before = [await token_balance(market.devnet, token, TRADER) for token in (token_in, token_out)]
    await transact(market.devnet.rpc_url, abi_call(market.v3.swap_router, SWAP, terms), TRADER)
    after = [await token_balance(market.devnet, token, TRADER) for token in (token_in, token_out)]
    return Swap(token_in, before[0] - after[0], token_out, after[1] - before[1])


async def move_pool_price(market: Market, price: int, *pools: Pool) -> None:
    """Trade until an ether costs exactly `price` USDC base units in these pools, or in all of WETH/USDC."""
    for pool in pools or (market.pool_3000, market.pool_500):
        amounts = sorted(((market.weth, ETHER), (market.usdc, price)))
        wanted = sqrt_price_x96(amounts[0][1], amounts[1][1])
        now = (await slot0(market.devnet.rpc_url, pool)).sqrt_price
        if wanted == now:
            continue
        token_in = pool.token0 if wanted < now else pool.token1
        held = await token_balance(market.devnet, token_in, TRADER)
        await swap(market, pool, token_in, held, wanted)


@asynccontextmanager
async def sandwich(market: Market, pool: Pool, token_in: Address, amount_in: int) -> AsyncIterator[Swap]:
    """Sell before whatever the block of code does, and buy back after it, as an attacker does."""
    first = await swap(market, pool, token_in, amount_in)
    try:
        yield first
    finally:
        await swap(market, pool, first.token_out, first.amount_out)


async def set_oracle_price(market: Market, price: int) -> None:
    """Have the feed answer `price` dollars of eight decimals for an ether; Aave reads the same feed."""
    await set_price(market.devnet, market.eth_usd, price)


async def make_feed_stale(market: Market, age_s: int, feed: Feed | None = None) -> None:
    """Have the feed, ETH/USD if none is named, answer its last price as one of `age_s` seconds ago."""
    await set_stale(market.devnet, feed or market.eth_usd, age_s)


async def pass_time(devnet: Devnet, seconds: int, blocks: int = 1) -> None:
    """Mine blocks over so many seconds of chain time; the feeds grow as old."""
    for number in range(blocks):
        await chain.increase_time(devnet, seconds * (number + 1) // blocks - seconds * number // blocks)


async def calm(market: Market) -> None:
    """Put every price back to FIRST_PRICE, the feeds fresh and half an hour of it remembered."""
    await move_pool_price(market, FIRST_PRICE * USDC)
    await pass_time(market.devnet, 1_900)
    await set_oracle_price(market, FIRST_PRICE * DOLLAR)
    await set_price(market.devnet, market.usdc_usd, DOLLAR)
