"""How each kind of account is made from the contracts of the local chain."""

from collections.abc import Awaitable, Callable, Sequence

from eth_abi.abi import decode

from agent.devnet.account_contracts import reference_proxy_code
from agent.devnet.addresses import CREATE2_FACTORY
from agent.devnet.devnet import Devnet
from agent.devnet.errors import DevnetError
from agent.devnet.transactions import read
from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32
from agent.erc7579.accounts import KERNEL, NEXUS, REFERENCE, SAFE7579, AccountKind
from agent.erc7579.creation import (
    Creation,
    ReferenceContracts,
    kernel_creation,
    nexus_creation,
    reference_creation,
)
from agent.erc7579.modules import Module, install_validator_call
from agent.erc7579.safe7579 import SafeContracts, safe7579_creation
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.signature import owners_init_data

PROXY_CREATION_CODE = keccak256(b"proxyCreationCode()")[:4]


async def creation_of(
    devnet: Devnet, kind: AccountKind, owner: Address, salt: Hash32, modules: Sequence[Module] = ()
) -> Creation:
    """Return how an account of this kind and owner is made, with further validators if wanted.

    Raise DevnetError for a kind whose contracts nobody publishes.
    """
    create = _CREATIONS.get(kind.name)
    if create is None:
        raise DevnetError(f"no package ships the contracts of {kind.name} accounts")
    return await create(devnet, owner, salt, modules)


async def creation_address(devnet: Devnet, creation: Creation) -> Address:
    """Return where the account is or will be, asking its factory if need be."""
    if isinstance(creation.address, Address):
        return creation.address
    return Address((await read(devnet.rpc_url, creation.address.target, creation.address.data))[12:])


def owned_by(owner: Address) -> Module:
    """Return the validator that obeys this owner."""
    return Module(OWNABLE_VALIDATOR, owners_init_data(1, [owner]))


async def _nexus(devnet: Devnet, owner: Address, salt: Hash32, modules: Sequence[Module]) -> Creation:
    contracts = devnet.contracts
    factory, bootstrap = contracts["NexusAccountFactory"], contracts["NexusBootstrap"]
    return nexus_creation(factory, bootstrap, owned_by(owner), salt, modules)


async def _kernel(devnet: Devnet, owner: Address, salt: Hash32, modules: Sequence[Module]) -> Creation:
    installs = [install_validator_call(KERNEL, item.address, item.init_data) for item in modules]
    return kernel_creation(devnet.contracts["KernelFactory"], owned_by(owner), salt, installs)


async def _safe7579(devnet: Devnet, owner: Address, salt: Hash32, modules: Sequence[Module]) -> Creation:
    at = devnet.contracts
    factory = at["SafeProxyFactory"]
    (proxy_code,) = decode(["bytes"], await read(devnet.rpc_url, factory, PROXY_CREATION_CODE))
    contracts = SafeContracts(
        at["Safe7579"], at["Safe7579Launchpad"], at["SafeSingleton"], factory, proxy_code
    )
    return safe7579_creation(contracts, [owner], [owned_by(owner), *modules], salt)


async def _reference(devnet: Devnet, owner: Address, salt: Hash32, modules: Sequence[Module]) -> Creation:
    at = devnet.contracts
    code = reference_proxy_code(devnet.artifacts)
    contracts = ReferenceContracts(CREATE2_FACTORY, at["ReferenceAccount"], at["ReferenceBootstrap"], code)
    return reference_creation(contracts, [owned_by(owner), *modules], salt)


_CREATIONS: dict[str, Callable[[Devnet, Address, Hash32, Sequence[Module]], Awaitable[Creation]]] = {
    NEXUS.name: _nexus,
    KERNEL.name: _kernel,
    SAFE7579.name: _safe7579,
    REFERENCE.name: _reference,
}
