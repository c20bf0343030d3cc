"""What owners and admins do with the local Aave v3 market."""

from dataclasses import dataclass

from agent.devnet.defi.aave_contracts import Aave
from agent.devnet.defi.calls import abi_call, approve_call, ask, ask_int
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact, transact_all
from agent.domain.call import Call
from agent.domain.units import Address

VARIABLE = 2
"""The only rate mode that newer pools keep."""
NO_REFERRAL = 0
CATEGORY = 1


@dataclass(frozen=True, slots=True)
class AccountData:
    """Amounts in dollars of eight decimals, ratios in basis points, the health factor in 1e18."""

    collateral: int
    debt: int
    available: int
    liquidation_threshold: int
    ltv: int
    health_factor: int


async def account_data(devnet: Devnet, aave: Aave, user: Address) -> AccountData:
    """Return `getUserAccountData` at the latest block; its health factor is 2**256 - 1 without debt."""
    call = abi_call(aave.pool, "getUserAccountData(address)", user)
    return AccountData(*await ask(devnet.rpc_url, call, *["uint256"] * 6))


async def variable_debt(devnet: Devnet, aave: Aave, asset: Address, user: Address) -> int:
    """Return what a user owes of an asset at the latest block, in its base units."""
    call = abi_call(aave.data_provider, "getUserReserveData(address,address)", asset, user)
    return int((await ask(devnet.rpc_url, call, *["uint256"] * 3))[2])


async def oracle_price(devnet: Devnet, aave: Aave, asset: Address) -> int:
    """Return the price of an asset in dollars of eight decimals; ChainCallError when there is none."""
    return await ask_int(devnet.rpc_url, abi_call(aave.oracle, "getAssetPrice(address)", asset))


def supply_calls(aave: Aave, asset: Address, amount: int, user: Address) -> list[Call]:
    """Return the calls of a user that lend `amount` base units, as collateral from then on."""
    signature = "supply(address,uint256,address,uint16)"
    return [
        approve_call(asset, aave.pool, amount),
        abi_call(aave.pool, signature, asset, amount, user, NO_REFERRAL),
    ]


def borrow_call(aave: Aave, asset: Address, amount: int, user: Address) -> Call:
    """Return the call of a user that borrows at the variable rate."""
    signature = "borrow(address,uint256,uint256,uint16,address)"
    return abi_call(aave.pool, signature, asset, amount, VARIABLE, NO_REFERRAL, user)


def repay_call(aave: Aave, asset: Address, amount: int, user: Address) -> Call:
    """Return the call that pays back debt of `user`; 2**256 - 1 is all, for the user's own debt alone."""
    signature = "repay(address,uint256,uint256,address)"
    return abi_call(aave.pool, signature, asset, amount, VARIABLE, user)


async def set_frozen(devnet: Devnet, aave: Aave, asset: Address, *, is_frozen: bool) -> None:
    """Freeze a reserve or thaw it: frozen, nobody supplies or borrows, everybody may repay."""
    signature = "setReserveFreeze(address,bool)"
    await transact(devnet.rpc_url, abi_call(aave.configurator, signature, asset, is_frozen))


async def set_paused(devnet: Devnet, aave: Aave, asset: Address, *, is_paused: bool) -> None:
    """Pause a reserve or let it go on: paused, nobody does anything with it."""
    signature = "setReservePause(address,bool)"
    await transact(devnet.rpc_url, abi_call(aave.configurator, signature, asset, is_paused))


async def add_category(
    devnet: Devnet, aave: Aave, *assets: Address, ltv: int = 9_000, threshold: int = 9_300
) -> int:
    """Put assets into the eMode category CATEGORY with these terms in basis points; return its id."""
    bonus, no_oracle = 10_200, Address(bytes(20))
    signature = "setEModeCategory(uint8,uint16,uint16,uint16,address,string)"
    terms = (CATEGORY, ltv, threshold, bonus, no_oracle, "Together")
    calls = [abi_call(aave.configurator, signature, *terms)]
    calls += [
        abi_call(aave.configurator, "setAssetEModeCategory(address,uint8)", asset, CATEGORY)
        for asset in assets
    ]
    await transact_all(devnet.rpc_url, calls)
    return CATEGORY


def enter_category_call(aave: Aave, category: int) -> Call:
    """Return the call of a user that chooses an eMode category; 0 leaves it."""
    return abi_call(aave.pool, "setUserEMode(uint8)", category)
