"""Take a session back: the owner's calls, what is still in flight under it, and whether it is gone."""

from dataclasses import dataclass

from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.errors import AgentError
from agent.domain.occurrence import Occurrence
from agent.domain.states import IN_FLIGHT, WAITS_FOR_PERSON
from agent.domain.units import Wei
from agent.ports import CallFailed, ChainReader, Journal
from agent.smart_sessions.encoding import remove_session_call, revoke_enable_signature_call
from agent.smart_sessions.signature_decoding import permission_in
from agent.smart_sessions.views import enable_nonce_call, is_permission_enabled_call


class NotRevoked(AgentError):
    """The chain still has the session, or still takes an enable signature of before."""

    code = "session_not_revoked"
    remedy = "let the owner make both calls of sessions revoke"


@dataclass(frozen=True, slots=True)
class OnModule:
    """What SmartSession says of a permission id."""

    is_enabled: bool
    enable_nonce: int | None
    """Which nonce an enable signature must have to work; None when the module gave no answer."""


def revoke_calls(session: SessionDefinition) -> tuple[Call, ...]:
    """Return what ends a session for good.

    Removing alone leaves the enable nonce where it is: a signature nobody used yet would bring it back.
    """
    module, permission = session.smart_session, session.permission_id
    return (
        Call(module, Wei(0), remove_session_call(permission)),
        Call(module, Wei(0), revoke_enable_signature_call(permission)),
    )


async def on_module(reader: ChainReader, session: SessionDefinition) -> OnModule:
    """Read whether the session is enabled; raise ChainUnavailable."""
    permission, account = session.permission_id, session.account
    calls = (is_permission_enabled_call(permission, account), enable_nonce_call(permission, account))
    head = await reader.block("latest")
    enabled, nonce = await reader.calls(
        [Call(session.smart_session, Wei(0), data) for data in calls], head.number
    )
    return OnModule(
        not isinstance(enabled, CallFailed) and any(enabled),
        None if isinstance(nonce, CallFailed) else int.from_bytes(nonce[:32], "big"),
    )


async def require_revoked(reader: ChainReader, session: SessionDefinition, before: OnModule) -> None:
    """Read back that the session is gone and its unused enable signatures too; raise NotRevoked."""
    now = await on_module(reader, session)
    if now.is_enabled:
        raise NotRevoked(f"{session.permission_id} is still enabled on {session.account}")
    if now.enable_nonce is None or now.enable_nonce == before.enable_nonce:
        raise NotRevoked(f"enable signatures of nonce {now.enable_nonce} still work on {session.account}")


async def in_flight_under(journal: Journal, session: SessionDefinition) -> tuple[Occurrence, ...]:
    """Return the runs with an operation signed under the session that may still land."""
    rows = await journal.occurrences(states=tuple(IN_FLIGHT | WAITS_FOR_PERSON))
    return tuple([row for row in rows if await _is_under(journal, row, session)])


async def _is_under(journal: Journal, row: Occurrence, session: SessionDefinition) -> bool:
    if (row.chain_id, row.account) != (session.chain_id, session.account):
        return False
    operations = await journal.operations(row.id)
    return any(
        item.nonce == row.nonce and permission_in(item.operation.signature) == session.permission_id
        for item in operations
    )
