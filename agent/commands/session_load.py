"""The rules for the sessions of all jobs, before a worker starts and while it runs."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from agent.commands.session_lint import LintRefused, Surroundings, Verdict, lint_session, verdict
from agent.definitions.records import Definitions
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import Unavailable
from agent.domain.units import ChainId, Timestamp
from agent.pipeline.context import ChainContext

DRIFT = "L25"
"""What an owner changed on chain holds that session alone; other payments go on."""
MAX_ASKED_AT_START = 20
"""Sessions that the chain is asked about before a start or in a plan; of more, the daily look takes care."""


class SessionsUnfit(LintRefused):
    """Rules refuse sessions that jobs use."""


def used_sessions(around: Surroundings) -> tuple[SessionDefinition, ...]:
    """Return the sessions that jobs sign under."""
    sessions = around.definitions.sessions.values()
    return tuple(session for session in sessions if around.jobs.get(session.name))


def file_verdicts(definitions: Definitions, now: Timestamp) -> tuple[Verdict, ...]:
    """Hold every session in use against the rules that need no chain."""
    around = Surroundings(definitions)
    return tuple(verdict(around, session, now) for session in used_sessions(around))


async def chain_verdicts(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    now: Timestamp,
    most: int | None = None,
) -> AsyncIterator[Verdict]:
    """Yield the verdict on every session in use, the chain asked; nothing when there are more than `most`.

    A session whose chain does not answer is left for the next time.
    """
    around = Surroundings(definitions)
    used = used_sessions(around)
    if most is not None and len(used) > most:
        return
    for session in used:
        try:
            yield await lint_session(around, session, chains[session.chain_id], now)
        except Unavailable:
            continue


async def plan_verdicts(
    definitions: Definitions, chains: Mapping[ChainId, ChainContext], names: Iterable[str], now: Timestamp
) -> list[Verdict]:
    """Return the verdicts on sessions by name, the chain asked where they are few; raise ChainUnavailable."""
    around, chosen = Surroundings(definitions), [definitions.sessions[name] for name in sorted(names)]
    if len(chosen) > MAX_ASKED_AT_START:
        return [verdict(around, session, now) for session in chosen]
    return [await lint_session(around, session, chains[session.chain_id], now) for session in chosen]


def require_all_fit(verdicts: Iterable[Verdict]) -> None:
    """Raise SessionsUnfit with every finding that refuses; drift is not among them."""
    refused = {
        found.session.name: [item for item in found.refusals if not (item.rule == DRIFT or item.is_drift)]
        for found in verdicts
    }
    lines = [
        f"{name}: {item.rule} {item.sentence}; {item.remedy}"
        for name, items in refused.items()
        for item in items
    ]
    if lines:
        count = sum(1 for items in refused.values() if items)
        raise SessionsUnfit("\n  ".join((f"{count} of the sessions in use are not fit to be used:", *lines)))


def finding_counts(found: Verdict) -> Mapping[str, int]:
    """Count findings by level; those that the operator allowed are `allowed`."""
    levels: Sequence[str] = ["allowed" if item.allowed else item.level.value for item in found.findings]
    return {level: levels.count(level) for level in ("refuse", "warn", "allowed")}
