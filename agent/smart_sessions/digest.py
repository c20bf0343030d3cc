"""What the owner signs to enable a session: the typed data of SmartSession (checked against the contract)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address, ChainId, Hash32
from agent.smart_sessions.addresses import ADMIN_SELECTOR, FALLBACK_SELECTOR, PSEUDO_TARGET


class Mode(IntEnum):
    """First byte of a Smart Sessions signature."""

    USE = 0
    ENABLE = 1
    UNSAFE_ENABLE = 2


@dataclass(frozen=True, slots=True)
class ChainDigest:
    """A session digest and the chain it is for."""

    chain_id: ChainId
    session_digest: Hash32


_POLICY = "PolicyData(address policy,bytes initData)"
_ACTION = "ActionData(bytes4 actionTargetSelector,address actionTarget,PolicyData[] actionPolicies)"
_CONTEXT = "ERC7739Context(bytes32 appDomainSeparator,string[] contentName)"
_ERC7739 = "ERC7739Data(ERC7739Context[] allowedERC7739Content,PolicyData[] erc1271Policies)"
_PERMISSIONS = (
    "SignedPermissions(bool permitGenericPolicy,bool permitAdminAccess,bool ignoreSecurityAttestations,"
    "bool permitERC4337Paymaster,PolicyData[] userOpPolicies,ERC7739Data erc7739Policies,"
    "ActionData[] actions)"
)
_SESSION = (
    "SignedSession(address account,SignedPermissions permissions,address sessionValidator,"
    "bytes sessionValidatorInitData,bytes32 salt,address smartSession,uint256 nonce)"
)
_CHAIN = "ChainSession(uint64 chainId,SignedSession session)"
_MULTI = "MultiChainSession(ChainSession[] sessionsAndChainIds)"
DOMAIN_TYPE = "EIP712Domain(string name,string version)"
DOMAIN_NAME, DOMAIN_VERSION = "SmartSession", "1"


MULTI_CHAIN_SESSION = f"{_MULTI}{_ACTION}{_CHAIN}{_CONTEXT}{_ERC7739}{_POLICY}{_PERMISSIONS}{_SESSION}"
"""The type the owner signs, as EIP-712 encodes it."""


def _typehash(*types: str) -> bytes:
    return keccak256("".join(types).encode())


# The primary type comes first, the types it needs follow in alphabetical order.
TYPEHASHES = {
    "POLICY": _typehash(_POLICY),
    "ACTION": _typehash(_ACTION, _POLICY),
    "CTX": _typehash(_CONTEXT),
    "E7739": _typehash(_ERC7739, _CONTEXT, _POLICY),
    "PERM": _typehash(_PERMISSIONS, _ACTION, _CONTEXT, _ERC7739, _POLICY),
    "SESS": _typehash(_SESSION, _ACTION, _CONTEXT, _ERC7739, _POLICY, _PERMISSIONS),
    "CHAIN": _typehash(_CHAIN, _ACTION, _CONTEXT, _ERC7739, _POLICY, _PERMISSIONS, _SESSION),
    "MULTI": _typehash(MULTI_CHAIN_SESSION),
    "DOMAIN": _typehash(DOMAIN_TYPE),
}
DOMAIN_SEPARATOR = keccak256(
    TYPEHASHES["DOMAIN"] + keccak256(DOMAIN_NAME.encode()) + keccak256(DOMAIN_VERSION.encode())
)
"""Neither chain nor contract is in it: both are in the signed message."""


def session_digest(
    session: Session, account: Address, smart_session: Address, nonce: int, mode: Mode
) -> Hash32:
    """Return `getSessionDigest(permissionId, account, session, mode)`; `nonce` is `getNonce` on chain."""
    return Hash32(
        keccak256(
            TYPEHASHES["SESS"]
            + _word(account)
            + permissions_hash(session, mode)
            + _word(session.session_validator)
            + keccak256(session.session_validator_init_data)
            + session.salt
            + _word(smart_session)
            + nonce.to_bytes(32, "big")
        )
    )


def permissions_hash(session: Session, mode: Mode) -> Hash32:
    """Return hashStruct(SignedPermissions)."""
    return Hash32(
        keccak256(
            TYPEHASHES["PERM"]
            + _flag(permits_generic_policy(session))
            + _flag(permits_admin_access(session))
            + _flag(mode is Mode.UNSAFE_ENABLE)
            + _flag(session.permit_erc4337_paymaster)
            + _policies(session.user_op_policies)
            + _erc7739(session.erc7739_policies)
            + _array(_action(item) for item in session.actions)
        )
    )


def multichain_digest(digests: Sequence[ChainDigest]) -> Hash32:
    """Return the hash the owner signs once for sessions on all these chains (EIP-712 of SmartSession)."""
    return Hash32(keccak256(multichain_preimage(digests)))


def multichain_preimage(digests: Sequence[ChainDigest]) -> bytes:
    """Return the 66 bytes whose hash that is."""
    return b"\x19\x01" + DOMAIN_SEPARATOR + multichain_hash(digests)


def multichain_hash(digests: Sequence[ChainDigest]) -> Hash32:
    """Return hashStruct(MultiChainSession), the message without its domain."""
    return Hash32(keccak256(TYPEHASHES["MULTI"] + _array(_chain_session(item) for item in digests)))


def permits_generic_policy(session: Session) -> bool:
    """Say whether some policies guard every call that has no action of its own."""
    return _has_action(session, FALLBACK_SELECTOR)


def permits_admin_access(session: Session) -> bool:
    """Say whether the session's key may call SmartSession itself."""
    return _has_action(session, ADMIN_SELECTOR)


def _chain_session(item: ChainDigest) -> bytes:
    return keccak256(TYPEHASHES["CHAIN"] + item.chain_id.to_bytes(32, "big") + item.session_digest)


def _has_action(session: Session, selector: bytes) -> bool:
    return any(
        item.action_target == PSEUDO_TARGET and item.action_target_selector == selector
        for item in session.actions
    )


def _policies(policies: Iterable[PolicyData]) -> bytes:
    return _array(
        keccak256(TYPEHASHES["POLICY"] + _word(item.policy) + keccak256(item.init_data)) for item in policies
    )


def _action(action: ActionData) -> bytes:
    return keccak256(
        TYPEHASHES["ACTION"]
        + action.action_target_selector.ljust(32, b"\0")
        + _word(action.action_target)
        + _policies(action.action_policies)
    )


def _erc7739(data: ERC7739Data) -> bytes:
    contexts = _array(_context(item) for item in data.allowed_erc7739_content)
    return keccak256(TYPEHASHES["E7739"] + contexts + _policies(data.erc1271_policies))


def _context(context: ERC7739Context) -> bytes:
    names = _array(keccak256(name.encode()) for name in context.content_names)
    return keccak256(TYPEHASHES["CTX"] + context.app_domain_separator + names)


def _array(hashes: Iterable[bytes]) -> bytes:
    return keccak256(b"".join(hashes))


def _word(address: Address) -> bytes:
    return bytes(12) + address


def _flag(value: bool) -> bytes:  # noqa: FBT001 - encodes the boolean itself
    return int(value).to_bytes(32, "big")
