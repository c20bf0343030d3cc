"""A whole market on the local chain: deployed when first asked for, found again afterwards."""

from dataclasses import dataclass

from agent.devnet import chain
from agent.devnet.defi.aave import account_data, supply_calls
from agent.devnet.defi.aave_contracts import Aave, Reserve, deploy_aave
from agent.devnet.defi.artifacts import creation_code, hardhat_file
from agent.devnet.defi.calls import TRADER, abi_call, act_for, made_with
from agent.devnet.defi.chainlink import DOLLAR, Feed, deploy_feed, set_price
from agent.devnet.defi.comet import Comet, deploy_comet
from agent.devnet.defi.odd_tokens import OddTokens, deploy_odd_tokens
from agent.devnet.defi.permit2 import deploy_universal_router, place_permit2
from agent.devnet.defi.uniswap_v2 import UniswapV2, deploy_pair, deploy_uniswap_v2
from agent.devnet.defi.uniswap_v3 import Pool, UniswapV3, deploy_pool, deploy_uniswap_v3
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc, token_balance
from agent.devnet.transactions import transact, transact_all
from agent.domain.units import Address

ETHER = 10**18
USDC = 10**6
FIRST_PRICE = 2_000
"""Dollars for an ether."""
TRADER_ETHER = 10**6
TRADER_DOLLARS = 10**10
POOL_ETHER = 1_000
LENT_ETHER = 1_000
LENT_DOLLARS = 10_000_000
HISTORY_S = 1_900
"""So far back the mean price of a fresh pool is known: more than half an hour."""


@dataclass(frozen=True, slots=True)
class Market:
    """Where everything is. Every pool starts at FIRST_PRICE dollars for an ether."""

    devnet: Devnet
    weth: Address
    usdc: Address
    eth_usd: Feed
    usdc_usd: Feed
    v2: UniswapV2
    pair: Address
    """WETH and USDC of v2."""
    v3: UniswapV3
    pool_3000: Pool
    """WETH and USDC at 0.3 %."""
    pool_500: Pool
    """WETH and USDC at 0.05 %."""
    permit2: Address
    universal_router: Address
    aave: Aave
    comet: Comet
    """A stand-in of ours."""
    odd: OddTokens


async def deploy_market(devnet: Devnet) -> Market:
    """Deploy what is not there yet and return where all of it is; some seconds the first time."""
    weth = await _weth(devnet)
    eth_usd = await deploy_feed(devnet, "ETH / USD", FIRST_PRICE * DOLLAR)
    usdc_usd = await deploy_feed(devnet, "USDC / USD", DOLLAR)
    v2 = await deploy_uniswap_v2(devnet, weth)
    v3 = await deploy_uniswap_v3(devnet, weth, v2.factory)
    amounts = ((weth, POOL_ETHER * ETHER), (devnet.usdc, POOL_ETHER * FIRST_PRICE * USDC))
    pair = await deploy_pair(devnet, v2, amounts)
    pool_3000 = await deploy_pool(devnet, v3, amounts, 3_000)
    pool_500 = await deploy_pool(devnet, v3, amounts, 500)
    aave = await deploy_aave(
        devnet,
        (
            Reserve(weth, "WETH", 18, eth_usd.proxy, 8_000, 8_250),
            Reserve(devnet.usdc, "USDC", 6, usdc_usd.proxy, 7_700, 8_000),
        ),
    )
    market = Market(
        devnet=devnet,
        weth=weth,
        usdc=devnet.usdc,
        eth_usd=eth_usd,
        usdc_usd=usdc_usd,
        v2=v2,
        pair=pair,
        v3=v3,
        pool_3000=pool_3000,
        pool_500=pool_500,
        permit2=await place_permit2(devnet),
        universal_router=await deploy_universal_router(devnet, weth, v2, v3),
        aave=aave,
        comet=await deploy_comet(devnet, weth, eth_usd, usdc_usd),
        odd=await deploy_odd_tokens(devnet, weth, v2, v3),
    )
    await _open(market)
    return market


async def _open(market: Market) -> None:
    """Lend what others will borrow, and let the pools get some history, unless that was done."""
    devnet, aave = market.devnet, market.aave
    if (await account_data(devnet, aave, TRADER)).collateral:
        return
    calls = supply_calls(aave, market.weth, LENT_ETHER * ETHER, TRADER)
    calls += supply_calls(aave, market.usdc, LENT_DOLLARS * USDC, TRADER)
    await chain.increase_time(devnet, HISTORY_S)
    await set_price(devnet, market.eth_usd, FIRST_PRICE * DOLLAR)
    await set_price(devnet, market.usdc_usd, DOLLAR)
    # Last: it is how the next one knows that all of this was done.
    await transact_all(devnet.rpc_url, calls, TRADER)


async def _weth(devnet: Devnet) -> Address:
    """Deploy wrapped ether, and fill TRADER's hands with it and with USDC."""
    await act_for(devnet.rpc_url, TRADER)
    code = creation_code(devnet.artifacts, hardhat_file("aave-core-v3", "dependencies/weth/WETH9"))
    weth = made_with("WETH9", code)
    await deploy(devnet.rpc_url, [weth])
    if not await token_balance(devnet, weth.address, TRADER):
        await mint_usdc(devnet, TRADER, TRADER_DOLLARS * USDC)
        deposit = abi_call(weth.address, "deposit()", value_wei=TRADER_ETHER * ETHER)
        await transact(devnet.rpc_url, deposit, TRADER)
    return weth.address
