"""Loans that owners of smart accounts take."""

from collections.abc import Sequence

from agent.devnet.accounts import SmartAccount, send_as_owner
from agent.devnet.defi.aave import borrow_call, supply_calls
from agent.devnet.defi.calls import TRADER, abi_call
from agent.devnet.defi.market import ETHER, USDC, Market
from agent.devnet.transactions import transact
from agent.domain.call import Call
from agent.domain.units import Address

COLLATERAL_WEI = 10 * ETHER
BORROWED = 15_000 * USDC


async def give_weth(market: Market, to: Address, amount_wei: int) -> None:
    """Send wrapped ether of TRADER's."""
    await give(market, market.weth, to, amount_wei)


async def give(market: Market, token: Address, to: Address, amount: int) -> None:
    """Send `amount` base units that TRADER holds."""
    transfer = abi_call(token, "transfer(address,uint256)", to, amount)
    await transact(market.devnet.rpc_url, transfer, TRADER)


async def supply_and_borrow(
    market: Market, account: SmartAccount, collateral_wei: int = COLLATERAL_WEI, borrowed: int = BORROWED
) -> None:
    """Have the owner lend WETH to Aave and borrow USDC, which stays in the account: HF 1.1 as given."""
    calls = supply_calls(market.aave, market.weth, collateral_wei, account.address)
    calls.append(borrow_call(market.aave, market.usdc, borrowed, account.address))
    await take_loan(market, account, collateral_wei, calls)


async def take_loan(
    market: Market, account: SmartAccount, collateral_wei: int, calls: Sequence[Call]
) -> None:
    """Give the account wrapped ether and have its owner make these calls in one operation."""
    await give_weth(market, account.address, collateral_wei)
    await send_as_owner(market.devnet, account, calls)
