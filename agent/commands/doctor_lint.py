"""The doctor holds each session against the lint rules; what they refuse is a warning here."""

from agent.commands.finding import Finding, warn
from agent.commands.session_lint import Surroundings, Verdict, lint_session
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import AgentError
from agent.domain.units import Timestamp
from agent.pipeline.context import ChainContext


async def examine_rules(
    around: Surroundings, session: SessionDefinition, chain: ChainContext, wall_now: float | None
) -> tuple[Finding, ...]:
    """Return a warning for each rule that refuses; a dead node is another finding's news."""
    try:
        now = Timestamp(int(wall_now or (await chain.reader.block("latest")).timestamp))
        found = await lint_session(around, session, chain, now)
    except AgentError:
        return ()
    return rule_findings(found)


def rule_findings(found: Verdict) -> tuple[Finding, ...]:
    """Return what refuses, where the operator has not allowed it; `sessions lint` has the rest."""
    return tuple(
        warn(f"session {found.session.name} {item.rule}", item.sentence, item.remedy)
        for item in found.refusals
    )
