"""What the owner of an account calls to grant a session, and whether the chain then has it."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import AgentError, ChainReverted, ConfigError
from agent.domain.units import Wei
from agent.erc7579.accounts import ACCOUNT_KINDS
from agent.erc7579.execution import encode_execute
from agent.erc7579.modules import install_validator_call, is_validator_installed_call
from agent.pipeline.context import ChainContext
from agent.ports import BlockTag, CallFailed, ChainReader
from agent.smart_sessions.encoding import enable_sessions_call
from agent.smart_sessions.grant import Counters, Grant, counters, guards, reads, slot_of
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.views import enabled_actions_call, session_validator_call, words


class SessionOver(AgentError):
    """The session's time has ended: granting it would be of no use."""

    code = "session_expired"
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

    @property
    def calls(self) -> tuple[Call, ...]:
        """What is to be done, in order."""
        return (self.enable,) if self.install is None else (self.install, self.enable)

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
    """Return what is left to do; raise SessionOver or ChainUnavailable."""
    head = await chain.reader.block("latest")
    if session.expires_at is not None and session.expires_at <= head.timestamp:
        raise SessionOver(f"the session {session.name} ended at {session.expires_at}, it is {head.timestamp}")
    state = await grant_counters(chain.reader, grant_of(session), head.number)
    code = await chain.reader.code(session.account, head.number)
    installed = bool(code) and await _is_installed(chain.reader, session, head.number)
    return GrantPlan(
        session=session,
        is_deployed=bool(code),
        is_enabled=state.enabled,
        install=None if installed else _install(session),
        enable=Call(session.smart_session, Wei(0), enable_sessions_call([session.session])),
    )


async def grant_counters(reader: ChainReader, grant: Grant, tag: BlockTag) -> Counters:
    """Return what the chain says of the grant at one block."""
    answers = await reader.calls(reads(grant), tag)
    return counters(grant, [None if isinstance(answer, CallFailed) else answer for answer in answers])


async def require_granted(reader: ChainReader, session: SessionDefinition) -> None:
    """Compare a session just granted with the chain, field by field; raise GrantDiffers."""
    grant, head = grant_of(session), await reader.block("latest")
    state = await grant_counters(reader, grant, head.number)
    account, permission = session.account, session.permission_id
    extra = (
        Call(session.smart_session, Wei(0), session_validator_call(account, permission)),
        Call(session.smart_session, Wei(0), enabled_actions_call(account, permission)),
    )
    validator, actions = await reader.calls(extra, head.number)
    found = list(_differences(grant, state))
    if isinstance(validator, CallFailed) or not same_validator(validator, session):
        found.append("the session validator or its key")
    if isinstance(actions, CallFailed) or not _same_actions(actions, grant):
        found.append("the list of actions")
    if found:
        raise GrantDiffers(f"on chain these differ from the file: {', '.join(found)}")


def _differences(grant: Grant, state: Counters) -> Iterator[str]:
    if not state.enabled:
        yield "the session is not enabled"
        return
    yield from (f"the policy {place.policy} is not in the file" for place in state.foreign)
    live = state.state.sessions[grant.permission_id]
    for guard in guards(grant):
        listed = live.user_op_policies if guard.action is None else live.actions[guard.action]
        for policy, init_data in guard.init_data.items():
            expected = POLICIES[policy].initialized(slot_of(grant, guard.config_id), init_data, None)
            if policy not in listed:
                yield f"the policy {policy} is missing"
            elif state.state.policies.get((policy, guard.config_id)) != expected:
                yield f"the limits of the policy {policy}"


def same_validator(answer: bytes, session: SessionDefinition) -> bool:
    """Compare an answer of `getSessionValidatorAndConfig` with the file."""
    granted = session.session
    size = int.from_bytes(answer[64:96], "big")
    return (
        answer[12:32] == granted.session_validator
        and answer[96 : 96 + size] == granted.session_validator_init_data
    )


def _same_actions(answer: bytes, grant: Grant) -> bool:
    expected = {guard.action for guard in guards(grant) if guard.action is not None}
    try:
        return set(words(answer)) == expected
    except ValueError:
        return False


async def _is_installed(reader: ChainReader, session: SessionDefinition, tag: BlockTag) -> bool:
    call = is_validator_installed_call(session.smart_session)
    try:
        return int.from_bytes(await reader.call(session.account, call, tag), "big") == 1
    except ChainReverted:
        return False


def _install(session: SessionDefinition) -> Call:
    kind = ACCOUNT_KINDS[session.account_kind]
    return Call(session.account, Wei(0), install_validator_call(kind, session.smart_session))
