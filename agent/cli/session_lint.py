"""`sessions lint`: read what it needs, and show what it finds."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.cli.output import say
from agent.cli.session_documents import worst_case_document
from agent.cli.world import with_chains
from agent.commands.session_lint import Surroundings, Verdict, lint_session, verdict
from agent.commands.session_usage import session_named
from agent.domain.errors import Unavailable
from agent.domain.units import Timestamp
from agent.smart_sessions.lint import Finding


def linted(config: Path | None, name: str | None) -> tuple[Verdict, ...]:
    """Return the verdict on one session, or on all; a dead chain leaves its rules out and says so."""
    settings = settings_for(config)
    definitions = load_definitions(settings)
    names = sorted(definitions.sessions) if name is None else [name]
    chosen = [session_named(definitions.sessions, item) for item in names]
    around, wall_now = Surroundings(definitions), Timestamp(int(time.time()))

    async def look(world: World) -> tuple[Verdict, ...]:
        found = []
        for session in chosen:
            try:
                found.append(await lint_session(around, session, world.chains[session.chain_id], wall_now))
            except Unavailable as error:
                say(f"{session.name}: {error}; rules that ask the chain were left out")
                found.append(verdict(around, session, wall_now))
        return tuple(found)

    return with_chains(settings, definitions, look)


def verdict_document(found: Verdict) -> dict[str, Any]:
    """Return a verdict: exact integers in base units and wei, null for no limit."""
    totals = found.worst.totals.items()
    return {
        "name": found.session.name,
        "fit": found.is_fit,
        "text": " ".join(found.words),
        "most": [
            {"token": None if token is None else str(token), "amount": amount} for token, amount in totals
        ],
        "worst_case": worst_case_document(found.worst),
        "not_pinned": [str(address) for address in found.not_pinned],
        "allow_lint_reason": found.session.allow_lint_reason or None,
        "findings": [
            {
                "rule": finding.rule,
                "level": finding.level.value,
                "allowed": finding.allowed,
                "finding": finding.sentence,
                "remedy": finding.remedy,
            }
            for finding in found.findings
        ],
    }


def verdict_lines(found: Verdict) -> Iterator[str]:
    """Yield a verdict for people."""
    yield f"{found.session.name}: {found.words[0]}"
    yield from (f"  {line}" for line in found.words[1:])
    if found.not_pinned:
        yield f"  code not pinned, trusted by address: {', '.join(map(str, found.not_pinned))}"
    yield from (f"  {finding_line(found, finding)}" for finding in found.findings)


def finding_line(found: Verdict, finding: Finding) -> str:
    """Return one finding; where its rule is allowed, with the operator's reason."""
    reason = found.session.allow_lint_reason
    allowed = f"allowed ({reason})" if reason else "allowed"
    level = allowed if finding.allowed else finding.level.value
    return f"{finding.rule} {level}: {finding.sentence}; {finding.remedy}"
