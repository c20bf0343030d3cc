"""What is used, reserved and left of a session's limits, as the chain has them at one block."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.commands.session_grant import grant_counters, grant_of
from agent.commands.session_words import Tokens
from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import LimitUse
from agent.domain.errors import AgentError, NotFound, StoreUnavailable
from agent.domain.hold import SessionScope, burned_in
from agent.domain.token import decimal_text
from agent.domain.units import Address, Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Journal
from agent.smart_sessions.grant import Counters, guards
from agent.smart_sessions.ids import action_id
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.preflight import limits


class SessionNotEnabled(AgentError):
    """The account does not know the session."""

    code = "session_not_enabled"
    remedy = "let the owner grant it: sessionkeeper sessions grant"

    def __init__(self, session: SessionDefinition) -> None:
        super().__init__(f"{session.permission_id} is not enabled on {session.account}")
        if session.enable is not None:
            self.remedy = "its first operation enables it: see sessions signatures"


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One counter, with what operations in flight may still use of it."""

    use: LimitUse
    policy: str
    """The policy's name."""
    on: str
    """`operation`, or the action it guards."""
    reserved: int
    burned: int = 0
    """Of what is used, what operations that were included and reverted may have taken at most."""

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
    epoch: int = 1
    """How often it was enabled, as far as the agent saw: its counters begin anew with each."""


def session_named(sessions: Mapping[str, SessionDefinition], name: str) -> SessionDefinition:
    """Return the session; raise NotFound."""
    session = sessions.get(name)
    if session is None:
        known = ", ".join(sorted(sessions)) or "none"
        raise NotFound(f"there is no session {name!r} in the files; there are: {known}")
    return session


@dataclass(frozen=True, slots=True)
class UsageFound:
    """A session's counters, or why nobody can say."""

    session: SessionDefinition
    usage: SessionUsage | None = None
    error: AgentError | None = None

    @property
    def problem(self) -> str:
        """The error in words; empty when there is none."""
        return "" if self.error is None else f"{self.error.code} {self.error}"


async def usage_found(chain: ChainContext, journal: Journal, session: SessionDefinition) -> UsageFound:
    """Return the counters, or what keeps them from being read; raise StoreUnavailable."""
    try:
        return UsageFound(session, await session_usage(chain, journal, session))
    except StoreUnavailable:
        raise
    except AgentError as error:
        return UsageFound(session, error=error)


async def session_usage(chain: ChainContext, journal: Journal, session: SessionDefinition) -> SessionUsage:
    """Return the counters; raise SessionNotEnabled, ChainUnavailable or StoreUnavailable."""
    head = await chain.reader.block("latest")
    state = await grant_counters(chain.reader, grant_of(session), head.number)
    if not state.enabled:
        raise SessionNotEnabled(session)
    reserved = await journal.reserved({session.chain_id: head.number})
    epoch = await _epoch(journal, session)
    burned = burned_in(await journal.burned(), epoch)
    lines = limit_lines(session, state, reserved, burned)
    return SessionUsage(session, head.number, head.timestamp, lines, epoch)


def limit_lines(
    session: SessionDefinition, seen: Counters, reserved: Mapping[str, int], burned: Mapping[str, int]
) -> tuple[LimitLine, ...]:
    """Return a line for each counter of the session; amounts by limit key."""
    actions = guard_names(session)
    return tuple(
        LimitLine(
            use,
            POLICIES[use.key.policy].name,
            actions[use.key.config_id],
            reserved.get(str(use.key), 0),
            burned.get(str(use.key), 0),
        )
        for use in limits(grant_of(session), seen)
    )


async def _epoch(journal: Journal, session: SessionDefinition) -> int:
    scope = SessionScope(session.chain_id, session.account, session.permission_id)
    known = (await journal.watched(session.chain_id)).newest().get(scope)
    return 1 if known is None else known.number


def quantity_text(amount: int, use: LimitUse, tokens: Tokens) -> str:
    """Write an amount of a limit in the unit people use."""
    if use.unit == "wei":
        return f"{decimal_text(amount, 18)} ether"
    if use.unit == "token":
        token = tokens.get(Address.parse(use.key.part))
        return f"{decimal_text(amount, token.decimals)} {token.symbol}" if token else f"{amount} base units"
    return f"{amount} {use.unit}" if use.unit in {"gas", "uses"} else str(amount)


def guard_names(session: SessionDefinition) -> dict[bytes, str]:
    """Return what each list of policies of a session guards, by config id."""
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
