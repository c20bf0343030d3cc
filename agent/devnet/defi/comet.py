"""A lending market with the interface of Compound v3: a stand-in of ours, no package ships the real one."""

from dataclasses import dataclass

from agent.devnet.compile import compiled_contracts
from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask_int, made_with
from agent.devnet.defi.chainlink import Feed
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact_all
from agent.domain.call import Call
from agent.domain.units import UINT128_MAX, Address

USDC_SCALE = 10**6
ETHER = 10**18
BORROW_MIN = 100 * USDC_SCALE
RATE = 2 * 10**16
"""Two percent a year, simple."""
BORROW_FACTOR = 825 * 10**15
LIQUIDATE_FACTOR = 895 * 10**15
LIQUIDATION_FACTOR = 95 * 10**16
LENT = 10_000_000 * USDC_SCALE
ASSET_INFO = "(uint8,address,address,uint64,uint64,uint64,uint64,uint128)"


@dataclass(frozen=True, slots=True)
class Comet:
    """A market that lends USDC against WETH."""

    address: Address
    base: Address
    collateral: Address


async def deploy_comet(devnet: Devnet, weth: Address, eth_usd: Feed, usdc_usd: Feed) -> Comet:
    """Deploy the stand-in, unless it is there, and lend TRADER's USDC to it."""
    code = compiled_contracts(devnet.artifacts.parents[1])["CometStandIn"].bytecode
    factors = (BORROW_FACTOR, LIQUIDATE_FACTOR, LIQUIDATION_FACTOR)
    asset = (0, weth, eth_usd.proxy, ETHER, *factors, UINT128_MAX)
    types = f"(address,address,uint256,uint256,uint256,{ASSET_INFO}[])"
    values = (devnet.usdc, usdc_usd.proxy, USDC_SCALE, BORROW_MIN, RATE, [asset])
    made = made_with("CometStandIn", code, types, *values)
    await deploy(devnet.rpc_url, [made])
    comet = Comet(made.address, devnet.usdc, weth)
    if not await ask_int(devnet.rpc_url, abi_call(comet.address, "balanceOf(address)", TRADER)):
        calls = supply_calls(comet, comet.base, LENT)
        await transact_all(devnet.rpc_url, calls, TRADER)
    return comet


async def debt(devnet: Devnet, comet: Comet, user: Address) -> int:
    """Return what a user owes at the latest block, in base units of USDC."""
    return await ask_int(devnet.rpc_url, abi_call(comet.address, "borrowBalanceOf(address)", user))


def supply_calls(comet: Comet, asset: Address, amount: int) -> list[Call]:
    """Return the calls that give `amount` base units: collateral, or USDC that repays or is lent."""
    supply = abi_call(comet.address, "supply(address,uint256)", asset, amount)
    return [approve_call(asset, comet.address, amount), supply]


def withdraw_call(comet: Comet, asset: Address, amount: int) -> Call:
    """Return the call that takes `amount` base units; more USDC than was lent is borrowed."""
    return abi_call(comet.address, "withdraw(address,uint256)", asset, amount)
