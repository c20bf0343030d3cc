"""Reads of SmartSession, and one of its validators. The order of arguments differs from view to view."""

from agent.domain.units import Address, Hash32

IS_PERMISSION_ENABLED = bytes.fromhex("adbc532f")
USER_OP_POLICIES = bytes.fromhex("44d1628c")
ACTION_POLICIES = bytes.fromhex("d527ed6e")
ERC1271_POLICIES = bytes.fromhex("a67c714e")
ENABLED_ACTIONS = bytes.fromhex("a9fa4b44")
PERMISSION_IDS = bytes.fromhex("7373f181")
ENABLE_NONCE = bytes.fromhex("795f9269")
OWNERS = bytes.fromhex("fd8b84b1")
SESSION_VALIDATOR_AND_CONFIG = bytes.fromhex("496c8a91")


def is_permission_enabled_call(permission: Hash32, account: Address) -> bytes:
    """Encode `isPermissionEnabled`."""
    return IS_PERMISSION_ENABLED + permission + _word(account)


def user_op_policies_call(account: Address, permission: Hash32) -> bytes:
    """Encode `getUserOpPolicies`."""
    return USER_OP_POLICIES + _word(account) + permission


def action_policies_call(account: Address, permission: Hash32, action: Hash32) -> bytes:
    """Encode `getActionPolicies`."""
    return ACTION_POLICIES + _word(account) + permission + action


def erc1271_policies_call(account: Address, permission: Hash32) -> bytes:
    """Encode `getERC1271Policies`."""
    return ERC1271_POLICIES + _word(account) + permission


def enabled_actions_call(account: Address, permission: Hash32) -> bytes:
    """Encode `getEnabledActions`."""
    return ENABLED_ACTIONS + _word(account) + permission


def permission_ids_call(account: Address) -> bytes:
    """Encode `getPermissionIDs`."""
    return PERMISSION_IDS + _word(account)


def enable_nonce_call(permission: Hash32, account: Address) -> bytes:
    """Encode `getNonce`, the nonce an enable digest is made with."""
    return ENABLE_NONCE + permission + _word(account)


def session_validator_call(account: Address, permission: Hash32) -> bytes:
    """Encode `getSessionValidatorAndConfig`."""
    return SESSION_VALIDATOR_AND_CONFIG + _word(account) + permission


def owners_call(account: Address) -> bytes:
    """Encode the validator's `getOwners`."""
    return OWNERS + _word(account)


def words(answer: bytes) -> tuple[Hash32, ...]:
    """Read an answer of one dynamic array of words; raise ValueError when it is none."""
    count = int.from_bytes(answer[32:64], "big")
    if len(answer) < 64 or len(answer) < 64 + 32 * count:
        raise ValueError(f"view answered {len(answer)} bytes, no array")
    return tuple(Hash32(answer[64 + 32 * index : 96 + 32 * index]) for index in range(count))


def addresses(answer: bytes) -> tuple[Address, ...]:
    """Read an answer of one array of addresses; raise ValueError when it is none."""
    return tuple(Address(word[12:]) for word in words(answer))


def validator_and_config(answer: bytes) -> tuple[Address, bytes]:
    """Read an answer of `getSessionValidatorAndConfig`; raise ValueError when it is none."""
    size = int.from_bytes(answer[64:96], "big")
    if len(answer) < 96 + size:
        raise ValueError(f"view answered {len(answer)} bytes, no validator")
    return Address(answer[12:32]), answer[96 : 96 + size]


def _word(address: Address) -> bytes:
    return bytes(12) + address
