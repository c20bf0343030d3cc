"""The rules about sessions as a duty: at the start, and then once a day."""

import asyncio
from collections.abc import Mapping

import structlog

from agent.commands.session_lint import Verdict
from agent.commands.session_load import chain_verdicts, finding_counts
from agent.definitions.records import Definitions
from agent.domain.errors import AgentError
from agent.domain.units import ChainId
from agent.pipeline.context import ChainContext, Services
from agent.telemetry.metrics import Metrics

log = structlog.get_logger()
DAY_S = 86_400


async def keep_rules(
    services: Services, chains: Mapping[ChainId, ChainContext], definitions: Definitions, metrics: Metrics
) -> None:
    """Hold every session in use against the rules and the chain, each day until cancelled."""
    while True:
        try:
            now = await services.clock.now()
            async for found in chain_verdicts(definitions, chains, now):
                tell(found, metrics)
        except AgentError as error:
            log.warning("session_rules_failed", code=error.code, reason=str(error))
        await asyncio.sleep(DAY_S)


def tell(found: Verdict, metrics: Metrics) -> None:
    """Log what the rules say of a session, and count it."""
    for level, count in finding_counts(found).items():
        metrics.session_findings_observed(found.session.name, level, count)
    for item in found.findings:
        if item.allowed:
            continue
        note = log.error if item.refuses else log.warning
        note(
            "session_unfit" if item.refuses else "session_warning",
            session=found.session.name,
            rule=item.rule,
            finding=item.sentence,
            remedy=item.remedy,
        )
