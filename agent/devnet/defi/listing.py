"""What a user needs to know of the market: every address by name."""

from agent.devnet.defi.market import Market, deploy_market
from agent.devnet.defi.morpho import Morpho, deploy_morpho
from agent.devnet.devnet import Devnet
from agent.domain.units import Address


async def listed_market(devnet: Devnet) -> dict[str, str]:
    """Deploy everything there is and return the addresses, and the id of Morpho's market, as text."""
    market = await deploy_market(devnet)
    morpho = await deploy_morpho(market)
    listed = {name: str(address) for name, address in _addresses(market, morpho).items()}
    return listed | {"Morpho Blue market": str(morpho.market_id)}


def _addresses(market: Market, morpho: Morpho) -> dict[str, Address]:
    v2, v3, aave, odd = market.v2, market.v3, market.aave, market.odd
    return {
        "WETH": market.weth,
        "ETH/USD feed": market.eth_usd.proxy,
        "ETH/USD aggregator": market.eth_usd.aggregator,
        "USDC/USD feed": market.usdc_usd.proxy,
        "USDC/USD aggregator": market.usdc_usd.aggregator,
        "Uniswap v2 factory": v2.factory,
        "Uniswap v2 router": v2.router,
        "Uniswap v2 WETH/USDC": market.pair,
        "Uniswap v3 factory": v3.factory,
        "Uniswap v3 position manager": v3.position_manager,
        "Uniswap v3 SwapRouter": v3.swap_router,
        "Uniswap v3 SwapRouter02": v3.swap_router_02,
        "Uniswap v3 QuoterV2": v3.quoter,
        "Uniswap v3 WETH/USDC 0.3 %": market.pool_3000.address,
        "Uniswap v3 WETH/USDC 0.05 %": market.pool_500.address,
        "UniversalRouter": market.universal_router,
        "Permit2": market.permit2,
        "Aave v3 provider": aave.provider,
        "Aave v3 pool": aave.pool,
        "Aave v3 configurator": aave.configurator,
        "Aave v3 oracle": aave.oracle,
        "Aave v3 data provider": aave.data_provider,
        "Morpho Blue": morpho.address,
        "Morpho Blue oracle mock": morpho.oracle,
        "Morpho Blue rate mock": morpho.irm,
        "Compound v3 stand-in": market.comet.address,
        "token without answers": odd.no_return,
        "token that burns": odd.deflating,
    }
