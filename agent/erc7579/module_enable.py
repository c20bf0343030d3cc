"""The account's own enable mode (Nexus, Startale): an operation installs the validator it is checked by."""

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32
from agent.erc7579.accounts import AccountKind, nonce_key
from agent.erc7579.enable_digest import AccountDomain
from agent.erc7579.modules import VALIDATOR_MODULE, Module

_FIELDS = b"ModuleEnableMode(address module,uint256 moduleType,bytes32 userOpHash,"
_TYPEHASH = keccak256(_FIELDS + b"bytes initData)")
_NEXUS_1_0_TYPEHASH = keccak256(_FIELDS + b"bytes32 initDataHash)")
_NEXUS_1_0 = ("Nexus", "1.0.")


def module_enable_key(kind: AccountKind, validator: Address, lane: int) -> int:
    """Return the nonce key of a lane in enable mode; raise ValueError for an account without that mode."""
    if kind.module_enable_marker is None:
        raise ValueError(f"{kind.name} accounts have no such enable mode")
    return nonce_key(kind, validator, lane) | kind.module_enable_marker


def module_enable_digest(domain: AccountDomain, module: Module, user_op_hash: Hash32) -> Hash32:
    """Return what the owner key signs: this module, with this data, in this operation.

    The hash of the operation does not cover its signature, so the signature can hold this one.
    """
    name, version = _NEXUS_1_0
    is_early = domain.name == name and domain.version.startswith(version)
    message = keccak256(
        (_NEXUS_1_0_TYPEHASH if is_early else _TYPEHASH)
        + bytes(12)
        + module.address
        + VALIDATOR_MODULE.to_bytes(32, "big")
        + user_op_hash
        + keccak256(module.init_data)
    )
    return Hash32(keccak256(b"\x19\x01" + domain.separator + message))


def module_enable_signature(module: Module, owner_signature: bytes, inner: bytes) -> bytes:
    """Return the operation's signature field.

    `owner_signature` names its validator in its first 20 bytes (zero: the built-in one); `inner` is what the
    new module wants, for SmartSession a USE signature.
    """
    return (
        module.address
        + VALIDATOR_MODULE.to_bytes(32, "big")
        + len(module.init_data).to_bytes(4, "big")
        + module.init_data
        + len(owner_signature).to_bytes(4, "big")
        + owner_signature
        + inner
    )
