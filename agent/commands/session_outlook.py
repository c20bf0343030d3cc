"""How a session stands for a job's next fires: as the worker would see it now."""

from collections.abc import Mapping, Sequence

from agent.commands.plan_fires import SessionOutlook
from agent.commands.session_grant import grant_of
from agent.commands.session_status import holds_of
from agent.commands.session_usage import limit_lines
from agent.definitions.sessions import SessionDefinition
from agent.domain.budget import Violation
from agent.domain.errors import Held
from agent.domain.hold import Hold
from agent.pipeline.context import ChainContext
from agent.ports import Block, CallFailed
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.enabling import (
    ENABLING_READS,
    EnableGrant,
    fresh_counters,
    mode_for,
    readiness,
    readiness_reads,
)
from agent.smart_sessions.grant import Answer, Counters, Grant, counters, reads


async def session_outlook(
    chain: ChainContext,
    session: SessionDefinition,
    head: Block,
    reserved: Mapping[str, int],
    holds: Sequence[Hold],
) -> SessionOutlook:
    """Return its counters at one block, or those that its first operation would give it.

    `reserved` is by limit key; what holds it, or keeps that operation from enabling it, is its obstacle.
    Raises ChainUnavailable.
    """
    grant, enable = grant_of(session), session.enable
    answers = await chain.reader.calls(
        reads(grant) if enable is None else readiness_reads(grant), head.number
    )
    said = [None if isinstance(answer, CallFailed) else answer for answer in answers]
    seen, obstacle = (counters(grant, said), None) if enable is None else _pending(grant, enable, said)
    held = [hold for hold in holds_of(session, holds) if hold.active]
    if held:
        obstacle = Violation(Held.code, f"{held[0].code}: {held[0].reason}; see sessions release")
    lines = limit_lines(session, seen, reserved, {}) if seen.enabled else ()
    return SessionOutlook(session.name, grant, seen, lines, obstacle)


def _pending(grant: Grant, enable: EnableGrant, said: Sequence[Answer]) -> tuple[Counters, Violation | None]:
    mode = mode_for(enable, readiness(grant, said))
    if isinstance(mode, Violation):
        return Counters(enabled=False), mode
    return (counters(grant, said[ENABLING_READS:]) if mode is Mode.USE else fresh_counters(grant)), None
