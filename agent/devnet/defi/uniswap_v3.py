"""Uniswap v3: factory, position manager, both routers, quoter, and pools with liquidity."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.devnet.defi.artifacts import creation_code, hardhat_file
from agent.devnet.defi.calls import TRADER, abi_call, approve_call, ask, ask_address, ask_int, made_with
from agent.devnet.defi.prices import amount0_for, amount1_for, nearest_tick, sqrt_price_x96
from agent.devnet.deploy import deploy
from agent.devnet.devnet import Devnet
from agent.devnet.transactions import transact_all
from agent.domain.call import Call
from agent.domain.units import ZERO_ADDRESS, Address

CORE, PERIPHERY, ROUTER_02 = "uniswap-v3-core", "uniswap-v3-periphery", "uniswap-swap-router"
TICK_SPACINGS = {500: 10, 3_000: 60}
RANGE_TICKS = 20_000
"""On both sides of the first price: a factor of e squared."""
OBSERVATIONS = 240
"""Swaps in different seconds that a pool remembers."""
NO_DEADLINE = 2**63
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool and its tokens in the order of their addresses; `fee` in millionths."""

    address: Address
    token0: Address
    token1: Address
    fee: int

    @property
    def tick_spacing(self) -> int:
        """Ticks between two usable ones."""
        return TICK_SPACINGS[self.fee]


@dataclass(frozen=True, slots=True)
class UniswapV3:
    """The contracts every pool shares."""

    factory: Address
    position_manager: Address
    swap_router: Address
    swap_router_02: Address
    quoter: Address


@dataclass(frozen=True, slots=True)
class Slot0:
    """The price of a pool now."""

    sqrt_price: int
    tick: int


async def deploy_uniswap_v3(devnet: Devnet, weth: Address, v2_factory: Address) -> UniswapV3:
    """Deploy everything but pools, unless it is there."""

    def code(package: str, source: str) -> bytes:
        return creation_code(devnet.artifacts, hardhat_file(package, source))

    factory = made_with("UniswapV3Factory", code(CORE, "UniswapV3Factory"))
    manager = made_with(
        "NonfungiblePositionManager",
        code(PERIPHERY, "NonfungiblePositionManager"),
        "(address,address,address)",
        *(factory.address, weth, ZERO_ADDRESS),
    )
    pair = "(address,address)"
    router = made_with("SwapRouter", code(PERIPHERY, "SwapRouter"), pair, factory.address, weth)
    router_02 = made_with(
        "SwapRouter02",
        code(ROUTER_02, "SwapRouter02"),
        "(address,address,address,address)",
        *(v2_factory, factory.address, manager.address, weth),
    )
    quoter = made_with("QuoterV2", code(PERIPHERY, "lens/QuoterV2"), pair, factory.address, weth)
    made = (factory, manager, router, router_02, quoter)
    await deploy(devnet.rpc_url, made)
    return UniswapV3(*(item.address for item in made))


async def deploy_pool(
    devnet: Devnet, v3: UniswapV3, amounts: Sequence[tuple[Address, int]], fee: int
) -> Pool:
    """Make a pool, unless it is there, in which TRADER has put these amounts of two tokens.

    Their ratio is the first price. TRADER holds them, and the pool remembers OBSERVATIONS prices.
    """
    (token0, amount0), (token1, amount1) = sorted(amounts)
    known = await ask_address(devnet.rpc_url, _get_pool(v3, token0, token1, fee))
    if known != ZERO_ADDRESS:
        return Pool(known, token0, token1, fee)
    first_price = sqrt_price_x96(amount0, amount1)
    signature = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
    make = abi_call(v3.position_manager, signature, token0, token1, fee, first_price)
    spenders = (v3.position_manager, v3.swap_router, v3.swap_router_02)
    approvals = [approve_call(token, spender) for token in (token0, token1) for spender in spenders]
    await transact_all(devnet.rpc_url, [make, *approvals], TRADER)
    address = await ask_address(devnet.rpc_url, _get_pool(v3, token0, token1, fee))
    pool = Pool(address, token0, token1, fee)
    middle = (await slot0(devnet.rpc_url, pool)).tick
    ticks = [nearest_tick(middle + side * RANGE_TICKS, pool.tick_spacing) for side in (-1, 1)]
    terms = (token0, token1, fee, *ticks, amount0, amount1, 0, 0, TRADER, NO_DEADLINE)
    remember = abi_call(address, "increaseObservationCardinalityNext(uint16)", OBSERVATIONS)
    await transact_all(devnet.rpc_url, [remember, abi_call(v3.position_manager, MINT, terms)], TRADER)
    return pool


async def slot0(rpc_url: str, pool: Pool) -> Slot0:
    """Return the spot price."""
    return Slot0(*await ask(rpc_url, abi_call(pool.address, "slot0()"), "uint160", "int24"))


async def price(rpc_url: str, pool: Pool, base: Address, amount: int) -> int:
    """Return what `amount` of `base` is worth in the other token at the spot price, in base units."""
    now = (await slot0(rpc_url, pool)).sqrt_price
    return amount1_for(amount, now) if base == pool.token0 else amount0_for(amount, now)


async def mean_tick(rpc_url: str, pool: Pool, window_s: int) -> int:
    """Return the time-weighted mean tick as OracleLibrary rounds it; ChainCallError `OLD` if too far back."""
    call = abi_call(pool.address, "observe(uint32[])", [window_s, 0])
    (ticks, _) = await ask(rpc_url, call, "int56[]", "uint160[]")
    return int(ticks[1] - ticks[0]) // window_s


async def quote(rpc_url: str, v3: UniswapV3, pool: Pool, token_in: Address, amount_in: int) -> int:
    """Return what QuoterV2 says a sale of the exact input gives, in base units."""
    token_out = pool.token1 if token_in == pool.token0 else pool.token0
    signature = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
    return await ask_int(
        rpc_url, abi_call(v3.quoter, signature, (token_in, token_out, amount_in, pool.fee, 0))
    )


def _get_pool(v3: UniswapV3, token0: Address, token1: Address, fee: int) -> Call:
    return abi_call(v3.factory, "getPool(address,address,uint24)", token0, token1, fee)
