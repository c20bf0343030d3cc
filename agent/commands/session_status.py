"""How every session of the files stands on its chain: one line each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.commands.session_compare import Compared, compared
from agent.commands.session_usage import LimitLine, guard_names
from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import LimitKey, LimitUse
from agent.domain.errors import AgentError
from agent.domain.hold import AccountScope, AllScope, ChainScope, Hold, SessionScope
from agent.domain.units import ChainId, Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Journal
from agent.smart_sessions.compare import Difference, DifferenceCode
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.rebuild import every_policy

DAY_S = 86_400


class Condition(StrEnum):
    """How a session stands, in one word."""

    OK = "ok"
    PENDING = "pending"
    """Its first operation will enable it."""
    NOT_ENABLED = "not enabled"
    DIFFERS = "differs"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNREACHABLE = "unreachable"
    """Its chain gave no answer."""


NEEDS_SOMEBODY = frozenset((Condition.NOT_ENABLED, Condition.DIFFERS, Condition.EXPIRED))


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One session at one block."""

    session: SessionDefinition
    condition: Condition
    enabled: bool | None = None
    """None when nobody could say."""
    differences: tuple[Difference, ...] = ()
    left_s: int | None = None
    """Until it ends; negative behind its end, None without one."""
    tightest: LimitLine | None = None
    """The limit of which the smallest share is left."""
    enable_nonce: int | None = None
    holds: tuple[Hold, ...] = ()
    reason: str = ""
    """Why its chain gave no answer, or what is the matter beside the differences."""


async def session_statuses(
    chains: Mapping[ChainId, ChainContext], journal: Journal, sessions: Iterable[SessionDefinition]
) -> tuple[SessionStatus, ...]:
    """Return the sessions by chain, each chain read at one block; raise StoreUnavailable."""
    by_chain: dict[ChainId, list[SessionDefinition]] = {}
    for session in sessions:
        by_chain.setdefault(session.chain_id, []).append(session)
    holds = await journal.holds()
    found: list[SessionStatus] = []
    for chain_id, listed in sorted(by_chain.items()):
        found += await _on_chain(chains[chain_id], journal, listed, holds)
    return tuple(found)


async def _on_chain(
    chain: ChainContext, journal: Journal, sessions: Sequence[SessionDefinition], holds: Sequence[Hold]
) -> list[SessionStatus]:
    try:
        head = await chain.reader.block("latest")
        seen = await compared(chain.reader, sessions, head.number)
    except AgentError as error:
        why = f"{error.code} {error}"
        return [
            SessionStatus(item, Condition.UNREACHABLE, holds=holds_of(item, holds), reason=why)
            for item in sessions
        ]
    reserved = await journal.reserved({chain.reader.chain_id: head.number})
    return [_status(item, head.timestamp, reserved, holds_of(item.session, holds)) for item in seen]


def _status(
    seen: Compared, now: Timestamp, reserved: Mapping[str, int], holds: tuple[Hold, ...]
) -> SessionStatus:
    session, found = seen.session, seen.found
    return SessionStatus(
        session=session,
        condition=_condition(seen, now),
        enabled=found.enabled,
        differences=tuple(item for item in seen.differences if item.code is not DifferenceCode.NOT_ENABLED),
        left_s=None if session.expires_at is None else session.expires_at - now,
        tightest=min(_lines(seen, reserved), key=_share_left, default=None),
        enable_nonce=found.enable_nonce,
        holds=holds,
        reason=_matter(seen),
    )


def _matter(seen: Compared) -> str:
    session, found = seen.session, seen.found
    if session.revoked_at is not None and found.enabled:
        return "its file says that it was revoked, and the account still has it enabled: see sessions revoke"
    if session.enable is not None and not found.enabled and not _is_pending(seen):
        return "its enable signature is used up or revoked: let the owner sign anew, sessions grant"
    return ""


def _is_pending(seen: Compared) -> bool:
    enable = seen.session.enable
    return enable is not None and enable.nonce == seen.found.enable_nonce


def _condition(seen: Compared, now: Timestamp) -> Condition:
    session = seen.session
    if session.revoked_at is not None:
        # Taken back in the file and still in force: that is a difference too.
        return Condition.DIFFERS if seen.found.enabled else Condition.REVOKED
    if session.expires_at is not None and session.expires_at <= now:
        return Condition.EXPIRED
    if not seen.found.enabled:
        return Condition.PENDING if _is_pending(seen) else Condition.NOT_ENABLED
    return Condition.DIFFERS if any(item.matters for item in seen.differences) else Condition.OK


def _lines(seen: Compared, reserved: Mapping[str, int]) -> Iterator[LimitLine]:
    session, names = seen.session, guard_names(seen.session)
    for item in every_policy(seen.found):
        if item.state is None:
            continue
        policy = POLICIES[item.policy]
        for part in policy.parts(item.state):
            key = LimitKey(session.chain_id, session.permission_id, item.config_id, item.policy, part.name)
            use = LimitUse(key, part.limit, part.used, part.unit)
            on = names.get(item.config_id, "off-chain signatures")
            yield LimitLine(use, policy.name, on, reserved.get(str(key), 0))


def _share_left(line: LimitLine) -> float:
    return line.remaining / line.use.limit if line.use.limit else 0.0


def holds_of(session: SessionDefinition, holds: Iterable[Hold]) -> tuple[Hold, ...]:
    """Return the holds that keep operations under the session from being sent."""
    chain_id, account = session.chain_id, session.account
    scopes = (
        AllScope(),
        ChainScope(chain_id),
        AccountScope(chain_id, account),
        SessionScope(chain_id, account, session.permission_id),
    )
    return tuple(hold for hold in holds if hold.scope in scopes)
