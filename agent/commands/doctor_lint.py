"""The doctor holds each session against the lint rules; what they refuse is a warning here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from agent.commands.finding import Finding, warn
from agent.commands.session_lint import Surroundings, Verdict, lint_session
from agent.definitions.registry import contracts
from agent.definitions.sessions import SessionDefinition
from agent.domain.errors import AgentError
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.pipeline.context import ChainContext

SHOWN = 3


async def examine_rules(
    around: Surroundings, session: SessionDefinition, chain: ChainContext, wall_now: float | None
) -> Verdict | None:
    """Return what the rules say; None when the node is dead, which is another finding's news."""
    try:
        now = Timestamp(int(wall_now or (await chain.reader.block("latest")).timestamp))
        return await lint_session(around, session, chain, now)
    except AgentError:
        return None


def rule_findings(found: Verdict) -> tuple[Finding, ...]:
    """Return what refuses, where the operator has not allowed it; `sessions lint` has the rest."""
    return tuple(
        warn(f"session {found.session.name} {item.rule}", item.sentence, item.remedy)
        for item in found.refusals
    )


def pin_findings(verdicts: Iterable[Verdict]) -> Iterator[Finding]:
    """Yield a warning for each contract of a chain that is trusted by its address alone."""
    users: dict[tuple[ChainId, Address, Hash32], list[str]] = defaultdict(list)
    for found in verdicts:
        for address, code_hash in found.not_pinned.items():
            users[found.session.chain_id, address, code_hash].append(found.session.name)
    names = {facts.address: name for name, facts in contracts().items()}
    for (chain_id, address, code_hash), sessions in users.items():
        what = f"chain {chain_id} {names.get(address, f'contract {address}')} code"
        used = ", ".join(sessions[:SHOWN]) + (", …" if len(sessions) > SHOWN else "")
        remedy = (
            "hold its code against the publisher's, then pin it in sessionkeeper.yaml under the chain: "
            f'code_hashes: {{"{address}": "{code_hash}"}}'
        )
        yield warn(
            what, f"the code of {address} is not pinned, its address alone is trusted by {used}", remedy
        )
