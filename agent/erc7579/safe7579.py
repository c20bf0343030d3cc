"""Safe with the ERC-7579 adapter 1.0.0: two steps, a launchpad first and the Safe in the first operation."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from agent.domain.create2 import create2_address
from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.erc7579.creation import MODULES, Creation
from agent.erc7579.modules import Module

SETUP_SAFE = keccak256(
    b"setupSafe((address,address[],uint256,address,bytes,address,(address,bytes)[],bytes))"
)[:4]
CREATE_PROXY = keccak256(b"createProxyWithNonce(address,bytes,uint256)")[:4]
_PRE_VALIDATION_SETUP = keccak256(b"preValidationSetup(bytes32,address,bytes)")[:4]
_INIT_SAFE7579 = keccak256(
    b"initSafe7579(address,(address,bytes)[],(address,bytes)[],(address,bytes)[],address[],uint8)"
)[:4]
_INIT_SAFE7579_TYPES = ["address", MODULES, MODULES, MODULES, "address[]", "uint8"]
_HASHED_TYPES = ["address", "address[]", "uint256", "address", "bytes", "address", MODULES]
_INIT_DATA_TYPE = f"({','.join(_HASHED_TYPES)},bytes)"


@dataclass(frozen=True, slots=True)
class SafeContracts:
    """The contracts a Safe is made from."""

    adapter: Address
    launchpad: Address
    singleton: Address
    proxy_factory: Address
    proxy_code: bytes
    """Creation code of the proxy, `proxyCreationCode()` of the factory."""


def safe7579_creation(
    contracts: SafeContracts, owners: Sequence[Address], validators: Sequence[Module], salt: Hash32
) -> Creation:
    """Return a Safe of these owners (threshold one); its first operation must be the one this wraps."""
    values = _init_values(contracts, owners, validators)
    init_hash = keccak256(encode(_HASHED_TYPES, values))
    initializer = _PRE_VALIDATION_SETUP + encode(
        ["bytes32", "address", "bytes"], [init_hash, ZERO_ADDRESS, b""]
    )
    nonce = int.from_bytes(salt, "big")
    arguments = encode(["address", "bytes", "uint256"], [contracts.launchpad, initializer, nonce])
    return Creation(
        factory=contracts.proxy_factory,
        factory_data=CREATE_PROXY + arguments,
        address=_proxy_address(contracts, initializer, salt),
        first_call_data=lambda call_data: SETUP_SAFE + encode([_INIT_DATA_TYPE], [(*values, call_data)]),
        is_whole_after_factory=False,
    )


def _init_values(
    contracts: SafeContracts, owners: Sequence[Address], validators: Sequence[Module]
) -> list[object]:
    # No attesters and no threshold: the launchpad then asks no module registry.
    setup = _INIT_SAFE7579 + encode(_INIT_SAFE7579_TYPES, [contracts.adapter, [], [], [], [], 0])
    modules = [item.as_tuple for item in validators]
    return [contracts.singleton, list(owners), 1, contracts.launchpad, setup, contracts.adapter, modules]


def _proxy_address(contracts: SafeContracts, initializer: bytes, salt: Hash32) -> Address:
    code = contracts.proxy_code + bytes(12) + contracts.launchpad
    proxy_salt = Hash32(keccak256(keccak256(initializer) + salt))
    return create2_address(contracts.proxy_factory, proxy_salt, Hash32(keccak256(code)))
