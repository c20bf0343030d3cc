"""Tokens that do not behave: one answers nothing, one keeps a part of every transfer, one has a blacklist."""

from dataclasses import dataclass
from pathlib import Path

from agent.devnet import rpc
from agent.devnet.addresses import CREATE2_FACTORY
from agent.devnet.defi.artifacts import creation_code
from agent.devnet.defi.calls import TRADER, abi_call, act_for, made_with
from agent.devnet.defi.uniswap_v2 import UniswapV2, deploy_pair
from agent.devnet.defi.uniswap_v3 import Pool, UniswapV3, deploy_pool
from agent.devnet.deploy import Deployment, deploy
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.devnet.transactions import transact
from agent.domain.units import Address

NO_RETURN = Path("0x-contracts-erc20") / "lib" / "generated-artifacts" / "DummyNoReturnERC20Token.json"
DEFLATING = Path("uniswap-v2-periphery") / "build" / "DeflatingERC20.json"
USDT_DECIMALS = 6
DEFLATING_DECIMALS = 18
MOST_MINTED = 10**22
"""At once, of the first."""
DEFLATING_SUPPLY = 10**24
POOL_ETHER = 100 * 10**18
POOL_DOLLARS = 200_000


@dataclass(frozen=True, slots=True)
class OddTokens:
    """TRADER holds all of the supply."""

    no_return: Address
    """Like USDT, six decimals: `transfer` and `transferFrom` answer with no data."""
    deflating: Address
    """Eighteen decimals: burns one percent of every transfer."""
    pool_no_return: Pool
    """The first with WETH in v3, at 0.3 %."""
    pair_no_return: Address
    """The same two in v2."""
    pair_deflating: Address
    """The second with WETH in v2: a pool of v3 cannot take it."""


async def deploy_odd_tokens(devnet: Devnet, weth: Address, v2: UniswapV2, v3: UniswapV3) -> OddTokens:
    """Deploy both and pools of them, unless they are there."""
    code = creation_code(devnet.artifacts, NO_RETURN)
    types = "(string,string,uint256,uint256)"
    no_return = made_with("No return", code, types, "Tether", "USDT", USDT_DECIMALS, 0)
    code = creation_code(devnet.artifacts, DEFLATING)
    deflating = made_with("Deflating", code, "(uint256)", DEFLATING_SUPPLY)
    await deploy(devnet.rpc_url, [no_return, deflating])
    if not await token_balance(devnet, no_return.address, TRADER):
        await transact(devnet.rpc_url, abi_call(no_return.address, "mint(uint256)", MOST_MINTED), TRADER)
    if not await token_balance(devnet, deflating.address, TRADER):
        await _hand_over(devnet, deflating)
    ether = (weth, POOL_ETHER)
    dollars = (no_return.address, POOL_DOLLARS * 10**USDT_DECIMALS)
    burning = (deflating.address, POOL_DOLLARS * 10**DEFLATING_DECIMALS)
    return OddTokens(
        no_return=no_return.address,
        deflating=deflating.address,
        pool_no_return=await deploy_pool(devnet, v3, (ether, dollars), 3_000),
        pair_no_return=await deploy_pair(devnet, v2, (ether, dollars)),
        pair_deflating=await deploy_pair(devnet, v2, (ether, burning)),
    )


async def set_blacklisted(devnet: Devnet, account: Address, *, is_blacklisted: bool) -> None:
    """Put an account on the blacklist of USDC, or take it off: it can neither send nor receive."""
    signature = "blacklist(address)" if is_blacklisted else "unBlacklist(address)"
    await transact(devnet.rpc_url, abi_call(devnet.usdc, signature, account))


async def _hand_over(devnet: Devnet, token: Deployment) -> None:
    """Give TRADER the supply, which went to whoever made the contract."""
    held = await token_balance(devnet, token.address, CREATE2_FACTORY)
    await act_for(devnet.rpc_url, CREATE2_FACTORY)
    transfer = abi_call(token.address, "transfer(address,uint256)", TRADER, held)
    await transact(devnet.rpc_url, transfer, CREATE2_FACTORY)
    await rpc.call(devnet.rpc_url, "anvil_stopImpersonatingAccount", str(CREATE2_FACTORY))
