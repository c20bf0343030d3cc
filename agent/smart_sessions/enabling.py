"""A session that an owner's signature enables: whether its first operation may, and what it then has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.domain.budget import Consumption, LimitKey, Violation
from agent.domain.call import Call
from agent.domain.session import Session
from agent.domain.units import Wei
from agent.erc7579.modules import is_validator_installed_call
from agent.smart_sessions.digest import ChainDigest, Mode
from agent.smart_sessions.grant import (
    Answer,
    Counters,
    Grant,
    PolicyPlace,
    counters,
    guards,
    reads,
    slot_of,
)
from agent.smart_sessions.ids import user_op_config_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.time_frame import LEGACY_ADDRESS, TimeFrame
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.signature import EnableSession
from agent.smart_sessions.state import AccountState, SessionState
from agent.smart_sessions.views import enable_nonce_call

ENABLING_READS = 2
"""How many reads `readiness` has before those of the counters."""
_TRUE = (1).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class EnableGrant:
    """An owner's signature that enables a session once, with what the module needs to check it."""

    mode: Mode
    nonce: int
    """`getNonce(permissionId, account)` that was signed; enabling moves it."""
    chain_digest_index: int
    hashes_and_chain_ids: tuple[ChainDigest, ...]
    permission_enable_signature: bytes = field(repr=False)
    """Whoever has it may enable the session until it is used or revoked."""
    after_removal: bool = False
    """Whether the account had removed the session before the owner signed."""

    def enable(self, session: Session) -> EnableSession:
        """Return what the signature field of the first operation carries."""
        return EnableSession(
            self.chain_digest_index, self.hashes_and_chain_ids, session, self.permission_enable_signature
        )


@dataclass(frozen=True, slots=True)
class Readiness:
    """How a session stands on chain before it is enabled."""

    is_enabled: bool
    nonce: int | None
    """None when the module gave no answer."""
    is_installed: bool
    """Whether the account has the module."""
    was_enabled: bool
    """Whether its policies still hold what it was enabled with: an account that removed it leaves that."""


def readiness_reads(grant: Grant) -> tuple[Call, ...]:
    """Return the reads that `readiness` needs, all to be made at one block."""
    nonce = enable_nonce_call(grant.permission_id, grant.account)
    return (
        Call(grant.smart_session, Wei(0), nonce),
        Call(grant.account, Wei(0), is_validator_installed_call(grant.smart_session)),
        *reads(grant),
    )


def readiness(grant: Grant, answers: Sequence[Answer]) -> Readiness:
    """Read the answers to `readiness_reads(grant)`, in their order."""
    nonce, installed, enabled, *others = answers
    return Readiness(
        is_enabled=enabled == _TRUE,
        nonce=None if nonce is None or len(nonce) < 32 else int.from_bytes(nonce[:32], "big"),
        is_installed=installed is not None and installed[:32] == _TRUE,
        was_enabled=_holds_limits(counters(grant, [_TRUE, *others])),
    )


def mode_for(enable: EnableGrant, found: Readiness) -> Mode | Violation:
    """Return the mode of the next operation, or why the owner's signature is of no use now.

    A live session is never enabled again: that would start its counters from zero.
    """
    if found.is_enabled:
        return Mode.USE
    if not found.is_installed:
        remedy = "let the owner install the SmartSession module first: sessionkeeper sessions grant"
        return Violation("module_not_installed", remedy)
    if found.nonce != enable.nonce:
        remedy = (
            "the enable signature is used up or revoked: let the owner sign anew, sessions grant --typed-data"
        )
        return Violation("enable_nonce_moved", remedy, asked=enable.nonce, left=found.nonce)
    if found.was_enabled and not enable.after_removal:
        remedy = "the account removed the session; if its owner wants it back, import a new enable signature"
        return Violation("session_removed", remedy)
    return enable.mode


def enabling_use(grant: Grant) -> Consumption:
    """Return what one enabling operation takes: a signature works once, so only one may be in flight."""
    config = user_op_config_id(grant.account, grant.permission_id)
    key = LimitKey(grant.chain_id, grant.permission_id, config, grant.smart_session, "enable")
    return Consumption(str(key), amount=1, limit=1, used=0)


def fresh_counters(grant: Grant) -> Counters:
    """Return the counters that a session has the moment it is enabled."""
    session = SessionState(
        grant.session.session_validator,
        grant.session.session_validator_init_data,
        grant.session.permit_erc4337_paymaster,
    )
    state = AccountState({grant.permission_id: session})
    unreadable = tuple(_initialize(grant, state))
    for guard in guards(grant):
        if guard.action is None:
            session.user_op_policies = list(guard.init_data)
        else:
            session.actions[guard.action] = list(guard.init_data)
    return Counters(enabled=True, state=state, unreadable=unreadable)


def _initialize(grant: Grant, state: AccountState) -> Iterator[PolicyPlace]:
    for guard in guards(grant):
        slot = slot_of(grant, guard.config_id)
        for policy, init_data in guard.init_data.items():
            if policy not in POLICIES:
                continue
            try:
                fresh = POLICIES[policy].initialized(slot, init_data, None)
            except Revert:
                yield PolicyPlace(policy, guard.config_id)
            else:
                state.policies[policy, guard.config_id] = fresh


def _holds_limits(seen: Counters) -> bool:
    """Say whether any policy holds a limit of its own telling, not of the init data's."""
    return any(
        bool(state.valid_until or state.valid_after)
        if isinstance(state, TimeFrame)
        else any(part.limit for part in POLICIES[policy].parts(state))
        for (policy, _), state in seen.state.policies.items()
        # The earlier time frame has no view: its state is taken from the session's file.
        if policy != LEGACY_ADDRESS
    )
