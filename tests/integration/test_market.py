"""The market of the local chain gives the figures its protocols give elsewhere."""

import pytest

from agent.devnet import chain, rpc
from agent.devnet.accounts import send_as_owner
from agent.devnet.defi import aave
from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask
from agent.devnet.defi.chainlink import DOLLAR, Feed
from agent.devnet.defi.loans import supply_and_borrow
from agent.devnet.defi.market import ETHER, USDC, Market, deploy_market
from agent.devnet.defi.moves import (
    calm,
    make_feed_stale,
    move_pool_price,
    pass_time,
    sandwich,
    set_oracle_price,
    swap,
)
from agent.devnet.defi.uniswap_v3 import Pool, mean_tick, price, quote, slot0
from agent.devnet.errors import ChainCallError, DevnetError
from agent.devnet.tokens import mint_usdc
from agent.devnet.transactions import transact
from agent.domain.units import UINT256_MAX
from tests.devnet import an_account

pytestmark = pytest.mark.devnet

HF = 10**18
ROUND = ("uint80", "int256", "uint256", "uint256", "uint80")


async def round_of(market: Market, feed: Feed) -> tuple[int, int, int]:
    """Return the round, the answer and its age."""
    call = abi_call(feed.proxy, "latestRoundData()")
    number, answer, _, updated_at, _ = await ask(market.devnet.rpc_url, call, *ROUND)
    return number, answer, await chain.block_time(market.devnet) - updated_at


async def last_moved(market: Market, pool: Pool) -> int:
    """Return the time of the block in which a pool's price moved last, as the pool noted it."""
    url = market.devnet.rpc_url
    _, _, index = await ask(url, abi_call(pool.address, "slot0()"), "uint160", "int24", "uint16")
    (moved_at,) = await ask(url, abi_call(pool.address, "observations(uint256)", index), "uint32")
    return int(moved_at)


async def mean_now(market: Market, pool: Pool, window_s: int) -> tuple[int, int]:
    """Return a mean tick and the time of the block that it is of."""
    while True:
        before = await chain.block_time(market.devnet)
        tick = await mean_tick(market.devnet.rpc_url, pool, window_s)
        if await chain.block_time(market.devnet) == before:
            return tick, before


def price_at(tick: int) -> float:
    """Dollars for an ether at a tick of a pool whose first token is ether."""
    return 1.0001**tick * 10**12


async def test_deployed_again_it_is_the_same_one(market_snapshot: Market) -> None:
    before = await chain.block_number(market_snapshot.devnet)
    assert await deploy_market(market_snapshot.devnet) == market_snapshot
    # Blocks without transactions come by themselves.
    found = await rpc.batch(
        market_snapshot.devnet.rpc_url,
        [
            rpc.Request("eth_getBlockTransactionCountByNumber", (hex(number),))
            for number in range(before + 1, await chain.block_number(market_snapshot.devnet) + 1)
        ],
    )
    assert {int(count, 16) for count in found} <= {0}


@pytest.mark.parametrize("direction", ["sells ether", "buys ether"])
async def test_a_quote_equals_the_execution(market_snapshot: Market, direction: str) -> None:
    market, url = market_snapshot, market_snapshot.devnet.rpc_url
    token, amount = (market.weth, 5 * ETHER) if direction == "sells ether" else (market.usdc, 9_000 * USDC)
    for pool in (market.pool_3000, market.pool_500):
        quoted = await quote(url, market.v3, pool, token, amount)
        done = await swap(market, pool, token, amount)
        assert (done.amount_in, done.amount_out) == (amount, quoted)


async def test_a_price_is_moved_up_and_down_to_the_unit(market_snapshot: Market) -> None:
    market, url = market_snapshot, market_snapshot.devnet.rpc_url
    for wanted in (1_500 * USDC, 2_750 * USDC + 13, 1_999 * USDC):
        await move_pool_price(market, wanted)
        for pool in (market.pool_3000, market.pool_500):
            assert await price(url, pool, market.weth, ETHER) in {wanted, wanted - 1}


async def test_a_manipulated_spot_price_hardly_moves_the_long_mean(market_snapshot: Market) -> None:
    market, url, pool = market_snapshot, market_snapshot.devnet.rpc_url, market_snapshot.pool_3000
    await swap(market, pool, market.weth, 300 * ETHER)
    sold_at = await last_moved(market, pool)
    await pass_time(market.devnet, 12)
    spot = await price(url, pool, market.weth, ETHER) / USDC
    assert spot == pytest.approx(1414.44, abs=0.5)
    for window_s, after_12_s in ((60, 1865.95), (1_800, 1995.05)):
        tick, now = await mean_now(market, pool, window_s)
        held_s = now - sold_at
        assert held_s >= 12
        expected = 2_000 * (spot / 2_000) ** min(1, held_s / window_s)
        assert price_at(tick) == pytest.approx(expected, rel=0.002)
        if held_s == 12:
            assert expected == pytest.approx(after_12_s, rel=0.0003)
    (_, answer, _) = await round_of(market, market.eth_usd)
    assert answer == 2_000 * DOLLAR


async def test_a_mean_over_more_than_is_remembered_is_refused(market_snapshot: Market) -> None:
    with pytest.raises(ChainCallError, match="OLD"):
        await mean_tick(market_snapshot.devnet.rpc_url, market_snapshot.pool_3000, 10**8)


async def test_a_sandwich_worsens_what_lies_in_it_and_is_undone(market_snapshot: Market) -> None:
    market, url, pool = market_snapshot, market_snapshot.devnet.rpc_url, market_snapshot.pool_3000
    fair = await quote(url, market.v3, pool, market.weth, 5 * ETHER)
    before = (await slot0(url, pool)).sqrt_price
    async with sandwich(market, pool, market.weth, 300 * ETHER):
        assert await quote(url, market.v3, pool, market.weth, 5 * ETHER) < fair * 3 // 4
    after = (await slot0(url, pool)).sqrt_price
    assert after == pytest.approx(before, rel=0.01)


async def test_a_feed_answers_what_it_is_told_and_can_be_stale(market_snapshot: Market) -> None:
    market = market_snapshot
    first, _, _ = await round_of(market, market.eth_usd)
    # The proxy puts its phase above the 64 bits of the aggregator's round.
    assert first >> 64 == 1
    await set_oracle_price(market, 1_860 * DOLLAR)
    number, answer, age_s = await round_of(market, market.eth_usd)
    assert (number, answer) == (first + 1, 1_860 * DOLLAR)
    # Made now, give or take what a slow machine takes to ask.
    assert age_s < 600
    await make_feed_stale(market, 7_200)
    number, answer, age_s = await round_of(market, market.eth_usd)
    assert (number, answer) == (first + 2, 1_860 * DOLLAR)
    assert 7_200 <= age_s < 7_800


async def test_a_loan_of_a_smart_account_goes_through_the_known_health_factors(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, lender = market_snapshot, market_snapshot.devnet, market_snapshot.aave
    account = await an_account(devnet, owner_key=owner_key)
    await supply_and_borrow(market, account)
    data = await aave.account_data(devnet, lender, account.address)
    assert (data.collateral, data.liquidation_threshold, data.ltv) == (20_000 * DOLLAR, 8_250, 8_000)
    assert data.health_factor == pytest.approx(1.1 * HF, rel=1e-6)
    await set_oracle_price(market, 1_860 * DOLLAR)
    data = await aave.account_data(devnet, lender, account.address)
    assert data.health_factor == pytest.approx(1.023 * HF, rel=1e-6)
    weighted = data.collateral * data.liquidation_threshold // 10_000
    amount = (data.debt - weighted * HF // (12 * HF // 10)) * USDC // DOLLAR
    assert amount == pytest.approx(2_212.5 * USDC, rel=1e-4)
    repay = aave.repay_call(lender, market.usdc, amount, account.address)
    await send_as_owner(devnet, account, [approve_call(market.usdc, lender.pool, amount), repay])
    data = await aave.account_data(devnet, lender, account.address)
    assert data.health_factor == pytest.approx(1.2 * HF, rel=1e-6)


async def test_interest_grows_and_all_of_a_debt_is_repaid(market_snapshot: Market, owner_key: bytes) -> None:
    market, devnet, lender = market_snapshot, market_snapshot.devnet, market_snapshot.aave
    account = await an_account(devnet, owner_key=owner_key, usdc=100 * USDC)
    await supply_and_borrow(market, account)
    await pass_time(devnet, 30 * 24 * 3600)
    debt = await aave.variable_debt(devnet, lender, market.usdc, account.address)
    assert 15_000 * USDC < debt < 15_010 * USDC
    repay = aave.repay_call(lender, market.usdc, UINT256_MAX, account.address)
    await send_as_owner(devnet, account, [approve_call(market.usdc, lender.pool), repay])
    assert await aave.variable_debt(devnet, lender, market.usdc, account.address) == 0
    assert (await aave.account_data(devnet, lender, account.address)).health_factor == UINT256_MAX


async def test_a_frozen_reserve_takes_repayments_and_a_paused_one_does_not(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, lender = market_snapshot, market_snapshot.devnet, market_snapshot.aave
    account = await an_account(devnet, owner_key=owner_key)
    await supply_and_borrow(market, account)
    await mint_usdc(devnet, TRADER, 1_000 * USDC)
    await transact(devnet.rpc_url, approve_call(market.usdc, lender.pool), TRADER)
    repay = aave.repay_call(lender, market.usdc, 100 * USDC, account.address)
    await aave.set_frozen(devnet, lender, market.usdc, is_frozen=True)
    await transact(devnet.rpc_url, repay, TRADER)
    await aave.set_paused(devnet, lender, market.usdc, is_paused=True)
    with pytest.raises(DevnetError, match="29"):
        await transact(devnet.rpc_url, repay, TRADER)
    await aave.set_paused(devnet, lender, market.usdc, is_paused=False)
    # A keeper may not say "all of it", and pays no more than the debt when it says too much.
    everything = aave.repay_call(lender, market.usdc, UINT256_MAX, account.address)
    with pytest.raises(DevnetError, match="40"):
        await transact(devnet.rpc_url, everything, TRADER)
    await transact(
        devnet.rpc_url, aave.repay_call(lender, market.usdc, 20_000 * USDC, account.address), TRADER
    )
    assert await aave.variable_debt(devnet, lender, market.usdc, account.address) == 0


async def test_a_category_raises_the_threshold_of_who_enters_it(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, lender = market_snapshot, market_snapshot.devnet, market_snapshot.aave
    account = await an_account(devnet, owner_key=owner_key)
    await supply_and_borrow(market, account)
    category = await aave.add_category(devnet, lender, market.weth, market.usdc)
    await send_as_owner(devnet, account, [aave.enter_category_call(lender, category)])
    data = await aave.account_data(devnet, lender, account.address)
    assert (data.liquidation_threshold, data.ltv) == (9_300, 9_000)
    assert data.health_factor == pytest.approx(1.24 * HF, rel=1e-6)


async def test_without_an_answer_of_the_feed_nothing_is_known(
    market_snapshot: Market, owner_key: bytes
) -> None:
    market, devnet, lender = market_snapshot, market_snapshot.devnet, market_snapshot.aave
    account = await an_account(devnet, owner_key=owner_key)
    await supply_and_borrow(market, account)
    await set_oracle_price(market, 0)
    with pytest.raises(ChainCallError):
        await aave.account_data(devnet, lender, account.address)
    await calm(market)
    assert (await aave.account_data(devnet, lender, account.address)).health_factor > HF
