"""ABI form of sessions and policies, and the calls that manage them on SmartSession."""

from collections.abc import Iterable, Sequence
from typing import Any

from eth_abi.abi import decode, encode

from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address, Hash32

POLICY_TYPE = "(address,bytes)"
ACTION_TYPE = f"(bytes4,address,{POLICY_TYPE}[])"
CONTEXT_TYPE = "(bytes32,string[])"
ERC7739_TYPE = f"({CONTEXT_TYPE}[],{POLICY_TYPE}[])"
SESSION_TYPE = f"(address,bytes,bytes32,{POLICY_TYPE}[],{ERC7739_TYPE},{ACTION_TYPE}[],bool)"

ENABLE_SESSIONS = bytes.fromhex("21712407")
REMOVE_SESSION = bytes.fromhex("f867b08e")
ENABLE_USER_OP_POLICIES = bytes.fromhex("454c9d82")
DISABLE_USER_OP_POLICIES = bytes.fromhex("d056b06d")
ENABLE_ACTION_POLICIES = bytes.fromhex("4e33ad2e")
DISABLE_ACTION_POLICIES = bytes.fromhex("6e79eee0")
DISABLE_ACTION_ID = bytes.fromhex("96e72962")
ENABLE_ERC1271_POLICIES = bytes.fromhex("f5297b77")
DISABLE_ERC1271_POLICIES = bytes.fromhex("02a1a4cd")
SET_PERMIT_PAYMASTER = bytes.fromhex("2e644d8d")
REVOKE_ENABLE_SIGNATURE = bytes.fromhex("f9b80369")


def session_tuple(session: Session) -> tuple[Any, ...]:
    """Return the session as the ABI encoder takes it."""
    return (
        session.session_validator,
        session.session_validator_init_data,
        session.salt,
        policy_tuples(session.user_op_policies),
        erc7739_tuple(session.erc7739_policies),
        action_tuples(session.actions),
        session.permit_erc4337_paymaster,
    )


def policy_tuples(policies: Iterable[PolicyData]) -> list[tuple[Address, bytes]]:
    """Return policies as the ABI encoder takes them."""
    return [(item.policy, item.init_data) for item in policies]


def action_tuples(actions: Iterable[ActionData]) -> list[tuple[Any, ...]]:
    """Return actions as the ABI encoder takes them."""
    return [
        (item.action_target_selector, item.action_target, policy_tuples(item.action_policies))
        for item in actions
    ]


def erc7739_tuple(data: ERC7739Data) -> tuple[Any, ...]:
    """Return ERC-1271 rights as the ABI encoder takes them."""
    return _context_tuples(data.allowed_erc7739_content), policy_tuples(data.erc1271_policies)


def encode_session(session: Session) -> bytes:
    """Return abi.encode(session) of SmartSession's struct `Session`, the exact bytes to keep."""
    return encode([SESSION_TYPE], [session_tuple(session)])


def decode_session(data: bytes) -> Session:
    """Read abi.encode(session); raise eth_abi.DecodingError when it is not one."""
    (fields,) = decode([SESSION_TYPE], data)
    return session_from_tuple(fields)


def session_from_tuple(fields: tuple[Any, ...]) -> Session:
    """Read the session that the ABI decoder gives as a tuple."""
    validator, init_data, salt, user_op_policies, (contexts, erc1271), actions, permit_paymaster = fields
    return Session(
        session_validator=_address(validator),
        session_validator_init_data=init_data,
        salt=Hash32(salt),
        user_op_policies=_policies(user_op_policies),
        erc7739_policies=ERC7739Data(
            tuple(ERC7739Context(Hash32(domain), tuple(names)) for domain, names in contexts),
            _policies(erc1271),
        ),
        actions=tuple(
            ActionData(selector, _address(target), _policies(policies))
            for selector, target, policies in actions
        ),
        permit_erc4337_paymaster=permit_paymaster,
    )


def enable_sessions_call(sessions: Sequence[Session]) -> bytes:
    """Encode `enableSessions` of SmartSession.

    On a live permission id it adds: old policies and actions stay in force, and counters start anew.
    """
    return ENABLE_SESSIONS + encode([SESSION_TYPE + "[]"], [[session_tuple(item) for item in sessions]])


def install_data(sessions: Sequence[Session]) -> bytes:
    """Encode the init data with which installing SmartSession (ERC-7579) enables sessions at once."""
    return b"\x01" + encode([SESSION_TYPE + "[]"], [[session_tuple(item) for item in sessions]])


def remove_session_call(permission: Hash32) -> bytes:
    """Encode `removeSession` of SmartSession, the only call that clears every policy and action."""
    return REMOVE_SESSION + permission


def enable_user_op_policies_call(permission: Hash32, policies: Iterable[PolicyData]) -> bytes:
    """Encode `enableUserOpPolicies` of SmartSession."""
    return ENABLE_USER_OP_POLICIES + encode(
        ["bytes32", POLICY_TYPE + "[]"], [permission, policy_tuples(policies)]
    )


def disable_user_op_policies_call(permission: Hash32, policies: Sequence[Address]) -> bytes:
    """Encode `disableUserOpPolicies` of SmartSession."""
    return DISABLE_USER_OP_POLICIES + encode(["bytes32", "address[]"], [permission, policies])


def enable_action_policies_call(permission: Hash32, actions: Iterable[ActionData]) -> bytes:
    """Encode `enableActionPolicies` of SmartSession."""
    return ENABLE_ACTION_POLICIES + encode(
        ["bytes32", ACTION_TYPE + "[]"], [permission, action_tuples(actions)]
    )


def disable_action_policies_call(permission: Hash32, action: Hash32, policies: Sequence[Address]) -> bytes:
    """Encode `disableActionPolicies` of SmartSession; `action` is an action id."""
    return DISABLE_ACTION_POLICIES + encode(
        ["bytes32", "bytes32", "address[]"], [permission, action, policies]
    )


def disable_action_call(permission: Hash32, action: Hash32) -> bytes:
    """Encode `disableActionId` of SmartSession; `action` is an action id."""
    return DISABLE_ACTION_ID + permission + action


def enable_erc1271_policies_call(permission: Hash32, data: ERC7739Data) -> bytes:
    """Encode `enableERC1271Policies` of SmartSession.

    It lets the key sign off chain (ERC-1271), which no action policy sees.
    """
    return ENABLE_ERC1271_POLICIES + encode(["bytes32", ERC7739_TYPE], [permission, erc7739_tuple(data)])


def disable_erc1271_policies_call(
    permission: Hash32, policies: Sequence[Address], contents: Sequence[ERC7739Context]
) -> bytes:
    """Encode `disableERC1271Policies` of SmartSession."""
    return DISABLE_ERC1271_POLICIES + encode(
        ["bytes32", "address[]", f"{CONTEXT_TYPE}[]"], [permission, policies, _context_tuples(contents)]
    )


def permit_paymaster_call(permission: Hash32, *, permit: bool) -> bytes:
    """Encode `setPermit4337Paymaster` of SmartSession."""
    return SET_PERMIT_PAYMASTER + permission + int(permit).to_bytes(32, "big")


def revoke_enable_signature_call(permission: Hash32) -> bytes:
    """Encode `revokeEnableSignature` of SmartSession: the account makes an unused enable signature void."""
    return REVOKE_ENABLE_SIGNATURE + permission


def _context_tuples(contexts: Iterable[ERC7739Context]) -> list[tuple[Any, ...]]:
    return [(item.app_domain_separator, item.content_names) for item in contexts]


def _policies(rows: Iterable[tuple[str, bytes]]) -> tuple[PolicyData, ...]:
    return tuple(PolicyData(_address(policy), init_data) for policy, init_data in rows)


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))
