"""Chainlink's proxy over an aggregator whose answers anybody may set."""

from dataclasses import dataclass
from pathlib import Path

from agent.devnet import chain
from agent.devnet.defi.artifacts import creation_code
from agent.devnet.defi.calls import abi_call, ask_int, made_with
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact
from agent.domain.units import ZERO_ADDRESS, Address

DECIMALS = 8
DOLLAR = 10**DECIMALS
PROXY = Path("chainlink-abi") / "v0.6" / "EACAggregatorProxy.json"
AGGREGATOR = Path("chainlink-abi") / "v0.7" / "tests" / "MockV3Aggregator.json"


@dataclass(frozen=True, slots=True)
class Feed:
    """A price in dollars with eight decimals: read the proxy, write the aggregator."""

    proxy: Address
    aggregator: Address
    decimals: int = DECIMALS


async def deploy_feed(devnet: Devnet, name: str, price: int) -> Feed:
    """Deploy a feed that starts at `price` (eight decimals), unless it is there."""
    code = creation_code(devnet.artifacts, AGGREGATOR)
    aggregator = made_with(f"{name} aggregator", code, "(uint8,int256)", DECIMALS, price)
    code = creation_code(devnet.artifacts, PROXY)
    proxy = made_with(f"{name} feed", code, "(address,address)", aggregator.address, ZERO_ADDRESS)
    for item in (aggregator, proxy):
        # The proxy asks its aggregator for the phase while it is made.
        await deploy(devnet.rpc_url, [item])
    return Feed(proxy.address, aggregator.address)


async def set_price(devnet: Devnet, feed: Feed, price: int) -> None:
    """Answer a new round with `price` (eight decimals) at the time of the block."""
    await transact(devnet.rpc_url, abi_call(feed.aggregator, "updateAnswer(int256)", price))


async def set_stale(devnet: Devnet, feed: Feed, age_s: int) -> None:
    """Answer a new round with the same price that is `age_s` seconds old."""
    url = devnet.rpc_url
    price = await ask_int(url, abi_call(feed.aggregator, "latestAnswer()"))
    number = await ask_int(url, abi_call(feed.aggregator, "latestRound()")) + 1
    updated_at = await chain.block_time(devnet) - age_s
    signature = "updateRoundData(uint80,int256,uint256,uint256)"
    await transact(url, abi_call(feed.aggregator, signature, number, price, updated_at, updated_at))
