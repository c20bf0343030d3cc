"""A person lets a session go that a change on chain, or somebody, had held."""

from agent.commands.session_compare import compared
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import NotFound, Refused
from agent.domain.hold import Hold, SessionScope
from agent.domain.kill import ACKNOWLEDGED, KILLS
from agent.domain.units import Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Block, Journal
from agent.smart_sessions.compare import Difference
from agent.smart_sessions.drift import NO_DRIFT, UNKNOWN


class StillDiffers(Refused):
    """The chain does not have what was granted."""

    code = "session_still_differs"
    remedy = (
        "let the owner grant the session anew, or put the new session into its file; "
        "to use it as it is: --although-it-differs"
    )


class NoReason(Refused):
    """A release without a word on why."""

    code = "reason_missing"
    remedy = "say why it may go on: --reason TEXT"


def scope_of(session: SessionDefinition) -> SessionScope:
    """Return what names the session in the journal."""
    return SessionScope(session.chain_id, session.account, session.permission_id)


async def release_session(
    journal: Journal,
    chain: ChainContext,
    session: SessionDefinition,
    at: Timestamp,
    *,
    reason: str,
    although_it_differs: bool,
) -> tuple[Hold, ...]:
    """Let every hold of the session go and return them.

    A kill is no such hold: `unkill` lets that go, and nothing else.
    Raises NoReason, NotFound when nothing holds it, StillDiffers unless the chain has what was granted (of
    a revoked session: nothing) or `although_it_differs` accepts what it has, ChainUnavailable when nobody
    can say, StoreUnavailable.
    """
    if not reason.strip():
        raise NoReason(f"the release of {session.name} needs a reason")
    every = [hold for hold in await journal.holds() if hold.scope == scope_of(session)]
    holds = [hold for hold in every if hold.code not in (*KILLS, ACKNOWLEDGED)]
    if not holds:
        killed = "; it is killed, which `sessionkeeper unkill --session` ends" if every else ""
        raise NotFound(f"the session {session.name} is not held{killed}")
    # Compared also when the answer does not matter: a node that is silent lets nothing go.
    told = await _what_differs(chain, session)
    if told and not although_it_differs:
        raise StillDiffers(f"{session.name}: {'; '.join(told)}")
    return tuple([
        await journal.release_hold(hold.scope, hold.code, reason, at, accepted=bool(told)) for hold in holds
    ])  # fmt: skip


async def _what_differs(chain: ChainContext, session: SessionDefinition) -> list[str]:
    head = await chain.reader.block("latest")
    (found,) = await compared(chain.reader, [session], head.number)
    if session.revoked_at is not None:
        # Taken back by its file: what is right is that the account no longer has it.
        return ["it was revoked, and the account still has it enabled"] if found.found.enabled else []
    return [*(one.sentence for one in found.differences if _matters(one)), *_ended(session, head)]


def _matters(one: Difference) -> bool:
    return one.code in UNKNOWN or one.code not in NO_DRIFT or one.code.value == "not_enabled"


def _ended(session: SessionDefinition, head: Block) -> list[str]:
    if session.expires_at is None or head.timestamp < session.expires_at:
        return []
    return [f"it ended at {session.expires_at}"]
