"""Morpho Blue and the stand-in of Compound v3 on the local chain, by the figures known of them."""

import pytest

from agent.devnet.accounts import SmartAccount, send_as_owner
from agent.devnet.defi import comet, morpho
from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask, ask_int
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.loans import BORROWED, COLLATERAL_WEI, take_loan
from agent.devnet.defi.market import ETHER, USDC, Market
from agent.devnet.defi.morpho import Morpho, deploy_morpho
from agent.devnet.defi.moves import pass_time, set_oracle_price
from agent.devnet.errors import ChainCallError, DevnetError
from agent.devnet.tokens import mint_usdc, token_balance
from agent.devnet.transactions import transact, transact_all
from agent.domain.units import UINT256_MAX
from tests.devnet import an_account
from tests.market import calm_morpho

pytestmark = pytest.mark.devnet

HF = 10**18
TARGET = 12 * HF // 10
ASSET_INFO = ("uint8", "address", "address", "uint64", "uint64", "uint64", "uint64", "uint128")


async def comet_borrower(market: Market) -> SmartAccount:
    account = await an_account(market.devnet)
    calls = comet.supply_calls(market.comet, market.weth, COLLATERAL_WEI)
    calls.append(comet.withdraw_call(market.comet, market.usdc, BORROWED))
    await take_loan(market, account, COLLATERAL_WEI, calls)
    return account


async def comet_weighted(market: Market, account: SmartAccount) -> int:
    """Return the collateral at the liquidation factor in USDC base units, from the reads an agent makes."""
    url, at = market.devnet.rpc_url, market.comet.address
    assert await ask_int(url, abi_call(at, "numAssets()")) == 1
    _, asset, feed, scale, _, factor, _, _ = await ask(
        url, abi_call(at, "getAssetInfo(uint8)", 0), *ASSET_INFO
    )
    (held,) = await ask(
        url, abi_call(at, "userCollateral(address,address)", account.address, asset), "uint128"
    )
    price = await ask_int(url, abi_call(at, "getPrice(address)", feed))
    return int(held * price // scale * factor // HF * USDC // DOLLAR)


async def comet_health(market: Market, account: SmartAccount) -> int:
    owed = await comet.debt(market.devnet, market.comet, account.address)
    return await comet_weighted(market, account) * HF // owed


async def comet_says(market: Market, question: str, account: SmartAccount) -> bool:
    call = abi_call(market.comet.address, f"{question}(address)", account.address)
    return bool(await ask_int(market.devnet.rpc_url, call))


async def test_a_loan_of_the_comet_stand_in_falls_and_is_repaid_to_the_target(
    market_snapshot: Market,
) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    account = await comet_borrower(market)
    await set_oracle_price(market, 1_700 * DOLLAR)
    assert await comet_health(market, account) == pytest.approx(1.0140 * HF, rel=5e-4)
    assert not await comet_says(market, "isLiquidatable", account)
    assert not await comet_says(market, "isBorrowCollateralized", account)
    await set_oracle_price(market, 1_600 * DOLLAR)
    assert await comet_health(market, account) == pytest.approx(0.954 * HF, rel=1e-3)
    assert await comet_says(market, "isLiquidatable", account)
    owed = await comet.debt(devnet, market.comet, account.address)
    amount = owed - await comet_weighted(market, account) * HF // TARGET
    await send_as_owner(devnet, account, comet.supply_calls(market.comet, market.usdc, amount))
    assert await comet_health(market, account) == pytest.approx(TARGET, rel=1e-6)


async def test_the_greatest_amount_repays_exactly_and_a_given_one_lends_the_rest(
    market_snapshot: Market,
) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    account, other = await comet_borrower(market), await comet_borrower(market)
    await pass_time(devnet, 10 * 24 * 3600)
    await mint_usdc(devnet, account.address, 1_000 * USDC)
    held = await token_balance(devnet, market.usdc, account.address)
    owed = await comet.debt(devnet, market.comet, account.address)
    assert owed > BORROWED
    supply = abi_call(market.comet.address, "supply(address,uint256)", market.usdc, UINT256_MAX)
    await send_as_owner(devnet, account, [approve_call(market.usdc, market.comet.address), supply])
    assert await comet.debt(devnet, market.comet, account.address) == 0
    paid = held - await token_balance(devnet, market.usdc, account.address)
    # The chain went on for some seconds after the reading.
    assert owed <= paid <= owed + USDC
    signature = "supplyTo(address,address,uint256)"
    keeper = abi_call(market.comet.address, signature, other.address, market.usdc, 20_000 * USDC)
    await transact_all(devnet.rpc_url, [approve_call(market.usdc, market.comet.address), keeper], TRADER)
    assert await comet.debt(devnet, market.comet, other.address) == 0
    call = abi_call(market.comet.address, "balanceOf(address)", other.address)
    assert await ask_int(devnet.rpc_url, call) == pytest.approx(5_000 * USDC, rel=2e-3)


async def test_the_comet_stand_in_refuses_what_is_not_covered(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    account = await comet_borrower(market)
    more = comet.withdraw_call(market.comet, market.usdc, 2_000 * USDC)
    collateral = comet.withdraw_call(market.comet, market.weth, 2 * ETHER)
    for call in (more, collateral):
        with pytest.raises(DevnetError, match="reverted"):
            await send_as_owner(devnet, account, [call])
    await set_oracle_price(market, 0)
    with pytest.raises(ChainCallError):
        await comet_says(market, "isLiquidatable", account)


async def morpho_borrower(market: Market, blue: Morpho) -> SmartAccount:
    account = await an_account(market.devnet)
    calls = morpho.collateral_calls(blue, COLLATERAL_WEI, account.address)
    calls.append(morpho.borrow_call(blue, BORROWED, account.address))
    await take_loan(market, account, COLLATERAL_WEI, calls)
    return account


async def test_a_loan_of_morpho_falls_and_is_repaid_to_the_target(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    blue = await calm_morpho(market)
    assert await deploy_morpho(market) == blue
    account = await morpho_borrower(market, blue)
    assert await morpho.health_factor(devnet, blue, account.address) == pytest.approx(1.1467 * HF, rel=1e-4)
    await morpho.set_price(devnet, blue, 1_760 * USDC)
    await pass_time(devnet, 10 * 24 * 3600)
    before = await morpho.health_factor(devnet, blue, account.address)
    await transact(devnet.rpc_url, morpho.accrue_call(blue))
    health = await morpho.health_factor(devnet, blue, account.address)
    # Reads alone miss the interest: whoever asks has to count it.
    assert health < before
    assert health == pytest.approx(1.0090 * HF, rel=5e-4)
    found = await morpho.position(devnet, blue, account.address)
    totals = await ask(
        devnet.rpc_url, abi_call(blue.address, "market(bytes32)", blue.market_id), *["uint128"] * 6
    )
    owed = morpho.debt_of(found.borrow_shares, totals[2], totals[3])
    amount = owed - 15_136 * USDC * HF // TARGET
    repay = morpho.repay_call(blue, account.address, amount=amount)
    await send_as_owner(devnet, account, [approve_call(market.usdc, blue.address), repay])
    after = await morpho.health_factor(devnet, blue, account.address)
    assert after == pytest.approx(TARGET, rel=1e-5)


async def test_all_of_a_debt_to_morpho_is_repaid_by_shares_alone(market_snapshot: Market) -> None:
    market, devnet = market_snapshot, market_snapshot.devnet
    blue = await calm_morpho(market)
    account = await morpho_borrower(market, blue)
    shares = (await morpho.position(devnet, blue, account.address)).borrow_shares
    await transact(devnet.rpc_url, approve_call(market.usdc, blue.address), TRADER)
    both = morpho.repay_call(blue, account.address, amount=1, shares=1)
    with pytest.raises(DevnetError, match="inconsistent input"):
        await transact(devnet.rpc_url, both, TRADER)
    for too_much in (BORROWED + 100 * USDC, UINT256_MAX):
        call = morpho.repay_call(blue, account.address, amount=too_much)
        with pytest.raises(DevnetError, match="panic"):
            await transact(devnet.rpc_url, call, TRADER)
    # Anybody may repay for anybody.
    await transact(devnet.rpc_url, morpho.repay_call(blue, account.address, shares=shares), TRADER)
    left = await morpho.position(devnet, blue, account.address)
    assert (left.borrow_shares, left.collateral) == (0, COLLATERAL_WEI)
