"""The market of the local chain as fixtures: one that the bundler may use, and one put back afterwards.

A conftest.py takes what it needs: `from tests.market import market`.
"""

import pytest_asyncio

from agent.devnet.defi.market import FIRST_PRICE, USDC, Market, deploy_market
from agent.devnet.defi.morpho import Morpho, deploy_morpho, set_price
from agent.devnet.defi.moves import calm
from agent.devnet.devnet import Devnet


@pytest_asyncio.fixture
async def market(devnet: Devnet) -> Market:
    """Every price at 2000 dollars for an ether, feeds fresh, half an hour of mean price behind it."""
    found = await deploy_market(devnet)
    await calm(found)
    return found


@pytest_asyncio.fixture
async def market_snapshot(devnet_snapshot: Devnet) -> Market:
    """The same, put back afterwards: only for tests that leave the bundler alone."""
    found = await deploy_market(devnet_snapshot)
    await calm(found)
    return found


async def calm_morpho(market: Market) -> Morpho:
    """Morpho at the price of the beginning, whatever a test before left there."""
    blue = await deploy_morpho(market)
    await set_price(market.devnet, blue, FIRST_PRICE * USDC)
    return blue
