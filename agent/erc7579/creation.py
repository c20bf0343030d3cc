"""How an account comes to be: its factory's call, and the address it will have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from agent.domain.call import Call
from agent.domain.create2 import create2_address
from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, Hash32, Wei
from agent.erc7579.accounts import NO_HOOK
from agent.erc7579.modules import Module

MODULES = "(address,bytes)[]"
CREATE_ACCOUNT = keccak256(b"createAccount(bytes,bytes32)")[:4]
COMPUTE_ADDRESS = keccak256(b"computeAccountAddress(bytes,bytes32)")[:4]
_KERNEL_ADDRESS = keccak256(b"getAddress(bytes,bytes32)")[:4]
_NEXUS_TYPES = ["address", "bytes", "address", "address[]", "uint8"]
_NEXUS_INIT = keccak256(b"initNexusWithSingleValidator(address,bytes,address,address[],uint8)")[:4]
_NEXUS_ALL_TYPES = [MODULES, MODULES, "(address,bytes)", MODULES, "address", "address[]", "uint8"]
_NEXUS_ALL_INIT = keccak256(f"initNexus({','.join(_NEXUS_ALL_TYPES)})".encode())[:4]
_KERNEL_TYPES = ["bytes21", "address", "bytes", "bytes", "bytes[]"]
_KERNEL_INIT = keccak256(b"initialize(bytes21,address,bytes,bytes,bytes[])")[:4]
_KERNEL_VALIDATOR = b"\x01"
_REFERENCE_TYPES = [MODULES, MODULES, "(address,bytes)", MODULES]
_REFERENCE_INIT = keccak256(
    b"initMSA((address,bytes)[],(address,bytes)[],(address,bytes),(address,bytes)[])"
)[:4]
_INITIALIZE_ACCOUNT = keccak256(b"initializeAccount(bytes)")[:4]
_NO_MODULE = (ZERO_ADDRESS, b"")


def _unchanged(call_data: bytes) -> bytes:
    return call_data


@dataclass(frozen=True, slots=True)
class Creation:
    """The call that makes an account, and what its first operation looks like."""

    factory: Address
    factory_data: bytes
    address: Address | Call
    """The account's address, or the question to its factory whose answer is one word with it."""
    first_call_data: Callable[[bytes], bytes] = _unchanged
    """Wraps the call data of the operation that brings the init code."""
    is_whole_after_factory: bool = True
    """False where only the first operation finishes what the factory began."""

    @property
    def init_code(self) -> bytes:
        """Factory and its call data, as EntryPoint 0.7 wants them."""
        return self.factory + self.factory_data

    @property
    def factory_call(self) -> Call:
        """The same as a transaction of its own."""
        return Call(self.factory, Wei(0), self.factory_data)


def nexus_creation(
    factory: Address, bootstrap: Address, owner: Module, salt: Hash32, validators: Sequence[Module] = ()
) -> Creation:
    """Return a Nexus account whose first validator is its owner's; no module registry.

    With further `validators` the account has another address.
    """
    if validators:
        modules = [item.as_tuple for item in (owner, *validators)]
        call = _NEXUS_ALL_INIT + encode(_NEXUS_ALL_TYPES, [modules, [], _NO_MODULE, [], ZERO_ADDRESS, [], 0])
    else:
        call = _NEXUS_INIT + encode(_NEXUS_TYPES, [owner.address, owner.init_data, ZERO_ADDRESS, [], 0])
    init_data = encode(["address", "bytes"], [bootstrap, call])
    return created_by(factory, COMPUTE_ADDRESS, init_data, salt)


def kernel_creation(
    factory: Address, owner: Module, salt: Hash32, init_config: Sequence[bytes] = ()
) -> Creation:
    """Return a Kernel account whose root validator is its owner's; without a hook.

    `init_config` are calls that the account makes to itself at its creation; they give it another address.
    """
    values = [_KERNEL_VALIDATOR + owner.address, NO_HOOK, owner.init_data, b"", list(init_config)]
    return created_by(factory, _KERNEL_ADDRESS, _KERNEL_INIT + encode(_KERNEL_TYPES, values), salt)


@dataclass(frozen=True, slots=True)
class ReferenceContracts:
    """The contracts a reference account is made from."""

    deployer: Address
    """Takes salt and creation code and uses CREATE2."""
    implementation: Address
    bootstrap: Address
    proxy_code: bytes
    """Creation code of the proxy, without its arguments."""


def reference_creation(contracts: ReferenceContracts, validators: Sequence[Module], salt: Hash32) -> Creation:
    """Return the ERC-7579 reference account behind a proxy.

    A deployer that answers 20 bare bytes, as Arachnid's does, is no ERC-4337 factory: make it beforehand.
    """
    values = [[item.as_tuple for item in validators], [], _NO_MODULE, []]
    init_data = encode(
        ["address", "bytes"], [contracts.bootstrap, _REFERENCE_INIT + encode(_REFERENCE_TYPES, values)]
    )
    initialize = _INITIALIZE_ACCOUNT + encode(["bytes"], [init_data])
    code = contracts.proxy_code + encode(["address", "bytes"], [contracts.implementation, initialize])
    address = create2_address(contracts.deployer, salt, Hash32(keccak256(code)))
    return Creation(contracts.deployer, salt + code, address)


def created_by(factory: Address, question: bytes, init_data: bytes, salt: Hash32) -> Creation:
    """Return an account that `createAccount(initData, salt)` makes and `question` predicts."""
    arguments = encode(["bytes", "bytes32"], [init_data, salt])
    return Creation(factory, CREATE_ACCOUNT + arguments, Call(factory, Wei(0), question + arguments))
