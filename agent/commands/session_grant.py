"""What the owner of an account calls to grant a session, and whether the chain then has it."""

from dataclasses import dataclass

from agent.commands.session_compare import compared
from agent.commands.session_grant_state import grant_state
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import AgentError, ChainReverted, ConfigError
from agent.domain.units import Wei
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.erc7579.execution import encode_execute
from agent.erc7579.modules import install_validator_call, is_validator_installed_call
from agent.pipeline.context import ChainContext
from agent.ports import BlockTag, CallFailed, ChainReader
from agent.smart_sessions.encoding import enable_sessions_call, remove_session_call
from agent.smart_sessions.grant import Counters, Grant, counters, reads


class SessionOver(AgentError):
    """The session's time has ended: granting it would be of no use."""

    code = "session_expired"
    remedy = "make a new one: sessionkeeper sessions new"


class SessionRevoked(AgentError):
    """The session's owner took it back."""

    code = "session_revoked"
    remedy = "make a new one: sessionkeeper sessions new"


class GrantDiffers(ConfigError):
    """The chain holds another session than the file."""

    code = "session_changed"
    remedy = "let the owner remove the session and grant it anew"


@dataclass(frozen=True, slots=True)
class GrantPlan:
    """The calls of a grant, for the owner's wallet to make."""

    session: SessionDefinition
    is_deployed: bool
    is_enabled: bool
    install: Call | None
    """None when the module is installed already."""
    enable: Call
    remove: Call | None = None
    """Given when the chain has another session under this permission id: enabling alone would only add."""
    differences: tuple[str, ...] = ()
    """In what that session differs, in words."""

    @property
    def is_granted(self) -> bool:
        """Whether the chain has the session of the file already."""
        return self.is_enabled and self.remove is None

    @property
    def calls(self) -> tuple[Call, ...]:
        """What is to be done, in order."""
        return tuple(call for call in (self.install, self.remove, self.enable) if call is not None)

    @property
    def execute(self) -> bytes:
        """The call data that makes the account do all of it, for whoever may call the account."""
        return encode_execute(self.calls)


def grant_of(session: SessionDefinition) -> Grant:
    """Return where the session lives."""
    return Grant(
        session.chain_id, session.smart_session, session.account, session.permission_id, session.session
    )


async def plan_grant(chain: ChainContext, session: SessionDefinition) -> GrantPlan:
    """Return what is left to do; raise SessionOver, SessionRevoked or ChainUnavailable."""
    if session.revoked_at is not None:
        raise SessionRevoked(f"the session {session.name} was revoked at {session.revoked_at}")
    head = await chain.reader.block("latest")
    if session.expires_at is not None and session.expires_at <= head.timestamp:
        raise SessionOver(f"the session {session.name} ended at {session.expires_at}, it is {head.timestamp}")
    state = await grant_state(chain.reader, session, head.number)
    code = await chain.reader.code(session.account, head.number)
    installed = bool(code) and await _is_installed(chain.reader, session, head.number)
    return GrantPlan(
        session=session,
        is_deployed=bool(code),
        is_enabled=state.is_enabled,
        install=None if installed else _install(session),
        enable=Call(session.smart_session, Wei(0), enable_sessions_call([session.session])),
        remove=_remove(session) if state.differences else None,
        differences=tuple(item.sentence for item in state.differences),
    )


async def grant_counters(reader: ChainReader, grant: Grant, tag: BlockTag) -> Counters:
    """Return what the chain says of the grant at one block."""
    answers = await reader.calls(reads(grant), tag)
    return counters(grant, [None if isinstance(answer, CallFailed) else answer for answer in answers])


async def require_granted(reader: ChainReader, session: SessionDefinition) -> None:
    """Compare a session just granted with the chain, field by field; raise GrantDiffers."""
    head = await reader.block("latest")
    (seen,) = await compared(reader, [session], head.number)
    if matter := [item for item in seen.differences if item.matters]:
        sentences = "; ".join(item.sentence for item in matter)
        raise GrantDiffers(f"the session {session.name} is not on chain as in the file: {sentences}")


def same_validator(answer: bytes, session: SessionDefinition) -> bool:
    """Compare an answer of `getSessionValidatorAndConfig` with the file."""
    granted = session.session
    size = int.from_bytes(answer[64:96], "big")
    return (
        answer[12:32] == granted.session_validator
        and answer[96 : 96 + size] == granted.session_validator_init_data
    )


async def _is_installed(reader: ChainReader, session: SessionDefinition, tag: BlockTag) -> bool:
    call = is_validator_installed_call(session.smart_session)
    try:
        return int.from_bytes(await reader.call(session.account, call, tag), "big") == 1
    except ChainReverted:
        return False


def _remove(session: SessionDefinition) -> Call:
    return Call(session.smart_session, Wei(0), remove_session_call(session.permission_id))


def _install(session: SessionDefinition) -> Call:
    kind = ACCOUNT_KINDS[session.account_kind]
    return Call(session.account, Wei(0), install_validator_call(kind, session.smart_session))
