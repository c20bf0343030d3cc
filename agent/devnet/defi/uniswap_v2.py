"""Uniswap v2: factory, router, and pairs with liquidity."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.devnet.defi.artifacts import creation_code
from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask, ask_address, made_with
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact_all
from agent.domain.units import ZERO_ADDRESS, Address

FACTORY = Path("uniswap-v2-core") / "build" / "UniswapV2Factory.json"
ROUTER = Path("uniswap-v2-periphery") / "build" / "UniswapV2Router02.json"
NO_DEADLINE = 2**63


@dataclass(frozen=True, slots=True)
class UniswapV2:
    """The contracts every pair shares."""

    factory: Address
    router: Address


async def deploy_uniswap_v2(devnet: Devnet, weth: Address) -> UniswapV2:
    """Deploy factory and router, unless they are there."""
    code = creation_code(devnet.artifacts, FACTORY)
    factory = made_with("UniswapV2Factory", code, "(address)", ZERO_ADDRESS)
    code = creation_code(devnet.artifacts, ROUTER)
    router = made_with("UniswapV2Router02", code, "(address,address)", factory.address, weth)
    await deploy(devnet.rpc_url, [factory, router])
    return UniswapV2(factory.address, router.address)


async def deploy_pair(devnet: Devnet, v2: UniswapV2, amounts: Sequence[tuple[Address, int]]) -> Address:
    """Make a pair, unless it is there, in which TRADER has put these amounts of two tokens."""
    (token, amount), (other, other_amount) = amounts
    get_pair = abi_call(v2.factory, "getPair(address,address)", token, other)
    known = await ask_address(devnet.rpc_url, get_pair)
    if known != ZERO_ADDRESS:
        return known
    signature = "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)"
    terms = (token, other, amount, other_amount, 0, 0, TRADER, NO_DEADLINE)
    calls = [approve_call(token, v2.router), approve_call(other, v2.router)]
    await transact_all(devnet.rpc_url, [*calls, abi_call(v2.router, signature, *terms)], TRADER)
    return await ask_address(devnet.rpc_url, get_pair)


async def amounts_out(rpc_url: str, v2: UniswapV2, amount_in: int, path: Sequence[Address]) -> list[int]:
    """Return what a sale along these tokens gives at each step, in base units."""
    call = abi_call(v2.router, "getAmountsOut(uint256,address[])", amount_in, list(path))
    (found,) = await ask(rpc_url, call, "uint256[]")
    return list(found)
