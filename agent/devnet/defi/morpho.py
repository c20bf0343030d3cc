"""Morpho Blue with one market: USDC lent against WETH, at a price and a rate of mocks."""

import asyncio
from dataclasses import dataclass

from eth_abi.abi import encode

from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask, ask_int, made_with
from agent.devnet.defi.market import ETHER, FIRST_PRICE, LENT_DOLLARS, USDC, Market
from agent.devnet.defi.morpho_build import morpho_contracts
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.transactions import transact, transact_all
from agent.domain.call import Call
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32

LLTV = 86 * 10**16
"""The liquidation threshold: 86 percent."""
PRICE_SCALE = 10**36
PARAMS = "(address,address,address,address,uint256)"


@dataclass(frozen=True, slots=True)
class Morpho:
    """The contract and the market in it."""

    address: Address
    loan_token: Address
    collateral: Address
    oracle: Address
    irm: Address
    lltv: int = LLTV

    @property
    def params(self) -> tuple[Address, Address, Address, Address, int]:
        """`MarketParams` as every call takes them."""
        return self.loan_token, self.collateral, self.oracle, self.irm, self.lltv

    @property
    def market_id(self) -> Hash32:
        """The hash that names the market."""
        return Hash32(keccak256(encode([PARAMS], [self.params])))


async def deploy_morpho(market: Market) -> Morpho:
    """Deploy it, unless it is there, with TRADER's USDC to borrow; the first time ever it is compiled."""
    devnet = market.devnet
    compiled = await asyncio.to_thread(morpho_contracts, devnet.artifacts.parents[1])
    made = (
        made_with("Morpho", compiled["Morpho"].bytecode, "(address)", DEPLOYER.address),
        made_with("OracleMock", compiled["OracleMock"].bytecode),
        made_with("IrmMock", compiled["IrmMock"].bytecode),
    )
    await deploy(devnet.rpc_url, made)
    blue, oracle, irm = (item.address for item in made)
    morpho = Morpho(blue, market.usdc, market.weth, oracle, irm)
    (lent, *_) = await ask(devnet.rpc_url, abi_call(blue, "market(bytes32)", morpho.market_id), "uint128")
    if not lent:
        await _open(devnet, morpho)
    return morpho


async def set_price(devnet: Devnet, morpho: Morpho, price: int) -> None:
    """Set what an ether costs, in USDC base units: the only price this market looks at."""
    call = abi_call(morpho.oracle, "setPrice(uint256)", price * PRICE_SCALE // ETHER)
    await transact(devnet.rpc_url, call)


@dataclass(frozen=True, slots=True)
class Position:
    """What a user has in the market: shares, and base units of WETH."""

    supply_shares: int
    borrow_shares: int
    collateral: int


async def position(devnet: Devnet, morpho: Morpho, user: Address) -> Position:
    """Return the position of a user."""
    call = abi_call(morpho.address, "position(bytes32,address)", morpho.market_id, user)
    return Position(*await ask(devnet.rpc_url, call, "uint256", "uint128", "uint128"))


async def health_factor(devnet: Devnet, morpho: Morpho, user: Address) -> int:
    """Return collateral at the threshold over debt in 1e18, interest counted up to the last accrual."""
    found = await position(devnet, morpho, user)
    call = abi_call(morpho.address, "market(bytes32)", morpho.market_id)
    totals = await ask(devnet.rpc_url, call, *["uint128"] * 6)
    price = await ask_int(devnet.rpc_url, abi_call(morpho.oracle, "price()"))
    most = found.collateral * price // PRICE_SCALE * morpho.lltv // ETHER
    return most * ETHER // debt_of(found.borrow_shares, totals[2], totals[3])


def debt_of(shares: int, total_assets: int, total_shares: int) -> int:
    """Return what borrow shares owe, rounded up: SharesMathLib with its virtual asset and shares."""
    return -(-shares * (total_assets + 1) // (total_shares + 10**6))


def accrue_call(morpho: Morpho) -> Call:
    """Return the call, anybody's, that adds the interest up to now to the totals."""
    return abi_call(morpho.address, f"accrueInterest({PARAMS})", morpho.params)


def collateral_calls(morpho: Morpho, amount: int, user: Address) -> list[Call]:
    """Return the calls of a user that put WETH into the market."""
    signature = f"supplyCollateral({PARAMS},uint256,address,bytes)"
    supply = abi_call(morpho.address, signature, morpho.params, amount, user, b"")
    return [approve_call(morpho.collateral, morpho.address, amount), supply]


def borrow_call(morpho: Morpho, amount: int, user: Address) -> Call:
    """Return the call of a user that borrows USDC into the own account."""
    signature = f"borrow({PARAMS},uint256,uint256,address,address)"
    return abi_call(morpho.address, signature, morpho.params, amount, 0, user, user)


def repay_call(morpho: Morpho, user: Address, *, amount: int = 0, shares: int = 0) -> Call:
    """Return the call that repays an amount or, to the last unit, shares: exactly one of the two."""
    signature = f"repay({PARAMS},uint256,uint256,address,bytes)"
    return abi_call(morpho.address, signature, morpho.params, amount, shares, user, b"")


async def _open(devnet: Devnet, morpho: Morpho) -> None:
    blue, lent = morpho.address, LENT_DOLLARS * USDC
    await set_price(devnet, morpho, FIRST_PRICE * USDC)
    rules = [
        abi_call(blue, "enableIrm(address)", morpho.irm),
        abi_call(blue, "enableLltv(uint256)", morpho.lltv),
        abi_call(blue, f"createMarket({PARAMS})", morpho.params),
    ]
    await transact_all(devnet.rpc_url, rules)
    supply = abi_call(
        blue, f"supply({PARAMS},uint256,uint256,address,bytes)", morpho.params, lent, 0, TRADER, b""
    )
    await transact_all(devnet.rpc_url, [approve_call(morpho.loan_token, blue), supply], TRADER)
