"""Make a whole Aave v3 market from its published artifacts, in the order they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.devnet.defi.artifacts import creation_code, hardhat_file
from agent.devnet.defi.calls import abi_call, ask_address, made_with
from agent.devnet.deploy import Deployment, deploy
from agent.devnet.devnet import Devnet
from agent.devnet.keys import DEPLOYER
from agent.devnet.transactions import transact_all
from agent.domain.call import Call
from agent.domain.units import ZERO_ADDRESS, Address

PACKAGE = "aave-core-v3"
LOGIC = "protocol/libraries/logic"
LIBRARIES = (
    *("SupplyLogic", "BorrowLogic", "LiquidationLogic", "EModeLogic"),
    *("BridgeLogic", "PoolLogic", "ConfiguratorLogic"),
)
RAY = 10**27
BASE_UNIT = 10**8
"""Dollars have eight decimals in the oracle and in account data."""
RATES = tuple(RAY * thousandths // 1_000 for thousandths in (800, 0, 40, 600, 5, 600, 10, 80, 200))
"""Optimal usage; base and two slopes, variable; two slopes, offset and excess, stable; optimal ratio."""
TREASURY = DEPLOYER.address


@dataclass(frozen=True, slots=True)
class Reserve:
    """A token to list: its price source, and its terms in basis points."""

    asset: Address
    symbol: str
    decimals: int
    source: Address
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int = 10_500


@dataclass(frozen=True, slots=True)
class Aave:
    """The contracts of the market; DEPLOYER is its admin in every role."""

    provider: Address
    pool: Address
    configurator: Address
    oracle: Address
    data_provider: Address
    acl_manager: Address


async def deploy_aave(devnet: Devnet, reserves: Sequence[Reserve]) -> Aave:
    """Deploy the market with these reserves, unless it is there; nobody has lent to it yet."""
    url, admin = devnet.rpc_url, DEPLOYER.address
    provider = _contract(
        devnet, "protocol/configuration/PoolAddressesProvider", "(string,address)", "Local market", admin
    )
    libraries = [_contract(devnet, f"{LOGIC}/{name}") for name in LIBRARIES]
    linked = {item.name: item.address for item in libraries}
    flash_loans = _contract(devnet, f"{LOGIC}/FlashLoanLogic", libraries=linked)
    linked[flash_loans.name] = flash_loans.address
    await deploy(url, [provider, *libraries, flash_loans])
    acl = _contract(devnet, "protocol/configuration/ACLManager", "(address)", provider.address)
    is_new = await ask_address(url, abi_call(provider.address, "getACLManager()")) == ZERO_ADDRESS
    if is_new:
        # The ACLManager asks for the admin while it is made.
        await transact_all(url, [abi_call(provider.address, "setACLAdmin(address)", admin)])
    await deploy(url, [acl])
    pool, configurator = await _pool(devnet, provider.address, acl.address, linked, is_new=is_new)
    oracle = _oracle(devnet, provider.address, reserves)
    data = _contract(devnet, "misc/AaveProtocolDataProvider", "(address)", provider.address)
    await deploy(url, [oracle, data])
    found = Aave(provider.address, pool, configurator, oracle.address, data.address, acl.address)
    if is_new:
        await _list(devnet, found, reserves)
    return found


def _contract(
    devnet: Devnet,
    source: str,
    types: str = "()",
    *values: object,
    libraries: Mapping[str, Address] | None = None,
) -> Deployment:
    code = creation_code(devnet.artifacts, hardhat_file(PACKAGE, source), libraries)
    return made_with(source.rpartition("/")[2], code, types, *values)


async def _pool(
    devnet: Devnet, provider: Address, acl: Address, linked: Mapping[str, Address], *, is_new: bool
) -> tuple[Address, Address]:
    """Make the pool and its configurator; the provider puts a proxy before each."""
    url, admin = devnet.rpc_url, DEPLOYER.address
    pool = _contract(devnet, "protocol/pool/Pool", "(address)", provider, libraries=linked)
    configurator = _contract(devnet, "protocol/pool/PoolConfigurator", libraries=linked)
    await deploy(url, [pool, configurator])
    if is_new:
        calls = [
            abi_call(provider, "setACLManager(address)", acl),
            abi_call(acl, "addPoolAdmin(address)", admin),
            abi_call(acl, "addEmergencyAdmin(address)", admin),
            abi_call(provider, "setPoolImpl(address)", pool.address),
            abi_call(provider, "setPoolConfiguratorImpl(address)", configurator.address),
        ]
        await transact_all(url, calls)
    return (
        await ask_address(url, abi_call(provider, "getPool()")),
        await ask_address(url, abi_call(provider, "getPoolConfigurator()")),
    )


def _oracle(devnet: Devnet, provider: Address, reserves: Sequence[Reserve]) -> Deployment:
    types = "(address,address[],address[],address,address,uint256)"
    assets, sources = [item.asset for item in reserves], [item.source for item in reserves]
    values = (provider, assets, sources, ZERO_ADDRESS, ZERO_ADDRESS, BASE_UNIT)
    return _contract(devnet, "misc/AaveOracle", types, *values)


async def _list(devnet: Devnet, aave: Aave, reserves: Sequence[Reserve]) -> None:
    """Open the reserves, each as collateral and to borrow."""
    tokens = [
        _contract(devnet, f"protocol/tokenization/{name}", "(address)", aave.pool)
        for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    ]
    strategy = _contract(
        devnet,
        "protocol/pool/DefaultReserveInterestRateStrategy",
        f"(address{',uint256' * len(RATES)})",
        *(aave.provider, *RATES),
    )
    await deploy(devnet.rpc_url, [*tokens, strategy])
    implementations = [item.address for item in tokens]
    rows = [_init_row(item, implementations, strategy.address) for item in reserves]
    row_type = "(address,address,address,uint8" + ",address" * 4 + ",string" * 6 + ",bytes)"
    await transact_all(
        devnet.rpc_url,
        [
            abi_call(aave.provider, "setPriceOracle(address)", aave.oracle),
            abi_call(aave.provider, "setPoolDataProvider(address)", aave.data_provider),
            abi_call(aave.configurator, f"initReserves({row_type}[])", rows),
            *(call for item in reserves for call in _terms(aave.configurator, item)),
        ],
    )


def _init_row(reserve: Reserve, implementations: Sequence[Address], strategy: Address) -> tuple[object, ...]:
    names = [
        text
        for kind, letter in (("", "a"), ("Variable Debt ", "variableDebt"), ("Stable Debt ", "stableDebt"))
        for text in (f"Aave {kind}{reserve.symbol}", f"{letter}{reserve.symbol}")
    ]
    addresses = (strategy, reserve.asset, TREASURY, ZERO_ADDRESS)
    return (*implementations, reserve.decimals, *addresses, *names, b"\x10")


def _terms(configurator: Address, reserve: Reserve) -> list[Call]:
    asset, allowed = reserve.asset, True
    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
    limits = (reserve.ltv, reserve.liquidation_threshold, reserve.liquidation_bonus)
    return [
        abi_call(configurator, signature, asset, *limits),
        abi_call(configurator, "setReserveBorrowing(address,bool)", asset, allowed),
        abi_call(configurator, "setReserveFactor(address,uint256)", asset, 1_000),
        abi_call(configurator, "setReserveFlashLoaning(address,bool)", asset, allowed),
    ]
