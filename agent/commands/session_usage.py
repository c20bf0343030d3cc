"""What is used, reserved and left of a session's limits, as the chain has them at one block."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.commands.session_grant import grant_counters, grant_of
from agent.commands.session_words import Tokens
from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import LimitUse
from agent.domain.errors import AgentError, NotFound
from agent.domain.token import decimal_text
from agent.domain.units import Address, Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Journal
from agent.smart_sessions.grant import guards
from agent.smart_sessions.ids import action_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.preflight import limits


class SessionNotEnabled(AgentError):
    """The account does not know the session."""

    code = "session_not_enabled"
    remedy = "let the owner grant it: sessionkeeper sessions grant"


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One counter, with what operations in flight may still use of it."""

    use: LimitUse
    policy: str
    """The policy's name."""
    on: str
    """`operation`, or the action it guards."""
    reserved: int

    @property
    def remaining(self) -> int:
        """What a new operation may use."""
        return max(0, self.use.remaining - self.reserved)


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """All counters of a session at one block."""

    session: SessionDefinition
    block_number: int
    block_time: Timestamp
    lines: tuple[LimitLine, ...]


def session_named(sessions: Mapping[str, SessionDefinition], name: str) -> SessionDefinition:
    """Return the session; raise NotFound."""
    session = sessions.get(name)
    if session is None:
        known = ", ".join(sorted(sessions)) or "none"
        raise NotFound(f"there is no session {name!r} in the files; there are: {known}")
    return session


async def session_usage(chain: ChainContext, journal: Journal, session: SessionDefinition) -> SessionUsage:
    """Return the counters; raise SessionNotEnabled, ChainUnavailable or StoreUnavailable."""
    head = await chain.reader.block("latest")
    grant = grant_of(session)
    state = await grant_counters(chain.reader, grant, head.number)
    if not state.enabled:
        raise SessionNotEnabled(f"{session.permission_id} is not enabled on {session.account}")
    reserved = await journal.reserved({session.chain_id: head.number})
    actions = _actions(session)
    lines = tuple(
        LimitLine(
            use,
            POLICIES[use.key.policy].name,
            actions[use.key.config_id],
            reserved.get(str(use.key), 0),
        )
        for use in limits(grant, state)
    )
    return SessionUsage(session, head.number, head.timestamp, lines)


def quantity_text(amount: int, use: LimitUse, tokens: Tokens) -> str:
    """Write an amount of a limit in the unit people use."""
    if use.unit == "wei":
        return f"{decimal_text(amount, 18)} ether"
    if use.unit == "token":
        token = tokens.get(Address.parse(use.key.part))
        return f"{decimal_text(amount, token.decimals)} {token.symbol}" if token else f"{amount} base units"
    return f"{amount} {use.unit}" if use.unit in {"gas", "uses"} else str(amount)


def _actions(session: SessionDefinition) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    by_action = {
        action_id(item.action_target, item.action_target_selector): item for item in session.session.actions
    }
    for guard in guards(grant_of(session)):
        item = None if guard.action is None else by_action[guard.action]
        names[guard.config_id] = (
            "operation" if item is None else f"0x{item.action_target_selector.hex()} of {item.action_target}"
        )
    return names
