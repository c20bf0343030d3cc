"""Startale smart accounts: Nexus's layout, with a built-in validator that obeys one key."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.domain.units import ZERO_ADDRESS, Address, Hash32
from agent.erc7579.creation import COMPUTE_ADDRESS, MODULES, Creation, created_by
from agent.erc7579.modules import Module

BOOTSTRAP = Address.parse("0x000000552A5fAe3Db7a8F3917C435448F49BA6a9")
_INIT_TYPES = ["bytes", MODULES, MODULES, "(address,bytes)", MODULES, "(uint256,address,bytes)[]"]
_INIT = keccak256(f"initWithDefaultValidatorAndOtherModules({','.join(_INIT_TYPES)})".encode())[:4]
# The SDK's empty hook has a word of data, and the account's address comes of every byte.
_NO_HOOK = (ZERO_ADDRESS, bytes(32))


@dataclass(frozen=True, slots=True)
class Release:
    """One deployed version; the same owner and salt have another address with another."""

    factory: Address
    implementation: Address
    """What a proxy points to and what an EOA delegates to."""


RELEASES = MappingProxyType(
    {
        "1.0.0": Release(
            factory=Address.parse("0x0000003B3E7b530b4f981aE80d9350392Defef90"),
            implementation=Address.parse("0x000000b8f5f723A680d3D7EE624Fe0bC84a6E05A"),
        ),
        "1.0.1": Release(
            factory=Address.parse("0x00000Be75c267EFE9ddD7044d1F236959aF4c15F"),
            implementation=Address.parse("0x000006B2874cf8a9bbe24fA1C3A32225AE826951"),
        ),
    }
)


def startale_creation(
    factory: Address, owner: Address, salt: Hash32, validators: Sequence[Module] = ()
) -> Creation:
    """Return an account whose built-in validator obeys `owner`; `validators` are installed besides.

    This is the form of the vendor's SDK; the bootstrap's shorter one gives another address.
    """
    init_data = encode(["address", "bytes"], [BOOTSTRAP, _init_call(owner, validators)])
    return created_by(factory, COMPUTE_ADDRESS, init_data, salt)


def _init_call(owner: Address, validators: Sequence[Module]) -> bytes:
    modules = [item.as_tuple for item in validators]
    return _INIT + encode(_INIT_TYPES, [owner, modules, [], _NO_HOOK, [], []])
