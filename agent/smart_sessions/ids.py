"""Identifiers of sessions, actions and policy configurations (IdLib of Smart Sessions)."""

from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    PSEUDO_TARGET,
)

_HEAD_SIZE = (96).to_bytes(32, "big")
_ADDRESS_PADDING = bytes(12)


def permission_id(session: Session) -> Hash32:
    """Return the permission id of a session (IdLib of Smart Sessions).

    keccak256(abi.encode(validator, its init data, salt)): policies and actions are not in it.
    """
    return permission_id_of(session.session_validator, session.session_validator_init_data, session.salt)


def permission_id_of(validator: Address, init_data: bytes, salt: Hash32) -> Hash32:
    """Return the permission id of these three values."""
    size = len(init_data)
    return Hash32(
        keccak256(
            b"".join(
                (
                    _ADDRESS_PADDING,
                    validator,
                    _HEAD_SIZE,
                    salt,
                    size.to_bytes(32, "big"),
                    init_data,
                    bytes(-size % 32),
                )
            )
        )
    )


def action_id(target: Address, selector: bytes) -> Hash32:
    """Return keccak256(target ‖ selector), 20 and 4 bytes (IdLib of Smart Sessions)."""
    return Hash32(keccak256(target + selector))


def called_selector(data: bytes) -> bytes:
    """Return the selector that call data is judged by: fewer than four bytes count as a native transfer."""
    return data[:4] if len(data) >= 4 else NATIVE_TRANSFER_SELECTOR


def user_op_config_id(account: Address, permission: Hash32) -> Hash32:
    """Return the config id of the session's policies on whole operations (IdLib of Smart Sessions)."""
    return Hash32(keccak256(account + permission))


def action_config_id(account: Address, permission: Hash32, action: Hash32) -> Hash32:
    """Return the config id of the policies on one action (IdLib of Smart Sessions)."""
    return Hash32(keccak256(account + keccak256(permission + action)))


def erc1271_config_id(account: Address, permission: Hash32) -> Hash32:
    """Return the config id of the policies on off-chain signatures."""
    return Hash32(keccak256(account + keccak256(b"ERC1271: " + permission)))


FALLBACK_ACTION = action_id(PSEUDO_TARGET, FALLBACK_SELECTOR)
"""Asked when the exact action has no policy."""
ADMIN_ACTION = action_id(PSEUDO_TARGET, ADMIN_SELECTOR)
"""Asked for calls to SmartSession itself; it lets a key widen its own session."""
