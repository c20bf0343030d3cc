"""Is everything there that the jobs need? Each finding comes with what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.commands.doctor_chain import examine_chain
from agent.commands.doctor_lint import examine_rules, pin_findings, rule_findings
from agent.commands.doctor_local import (
    OpenJournal,
    OpenSigner,
    examine_keys,
    examine_orders,
    examine_store,
)
from agent.commands.doctor_session import examine_session
from agent.commands.finding import Finding, Level
from agent.commands.session_lint import Surroundings
from agent.commands.stops import session_names
from agent.definitions.records import ChainDefinition, Definitions
from agent.definitions.registry import contracts as known_contracts
from agent.definitions.sessions import SessionDefinition
from agent.domain.kill import KillOrder
from agent.domain.units import Address, ChainId
from agent.pipeline.context import ChainContext


@dataclass(frozen=True, slots=True)
class Patient:
    """What the doctor looks at; nothing of it is needed to be right."""

    definitions: Definitions
    chains: Mapping[ChainId, ChainContext]
    signers: Mapping[str, OpenSigner]
    open_journal: OpenJournal
    wall_now: float | None
    """None where chain time is the agent's clock and may be anything."""
    operations: int
    """For how many operations every account should have gas."""
    orders: tuple[KillOrder, ...] = ()
    """What the kill file stops."""


async def examine(patient: Patient) -> tuple[Finding, ...]:
    """Return every finding: this machine first, then chains, then sessions."""
    names = session_names(patient.definitions.sessions.values())
    store = await examine_store(patient.open_journal, patient.definitions.jobs, names)
    store = (*examine_orders(patient.orders, names), *store)
    found = [*store, *examine_keys(patient.signers)]
    for chain_id, chain in patient.chains.items():
        definition = patient.definitions.chains[chain_id]
        needed = contracts_of(definition, _sessions_on(patient.definitions, chain_id))
        found += await examine_chain(
            chain, definition.tokens, needed, definition.block_time_s, patient.wall_now
        )
    # What a dead node cannot answer is said once, not once a session.
    dead = {finding.name for finding in found if finding.level is Level.FAIL}
    around = Surroundings(patient.definitions)
    verdicts = []
    for session in patient.definitions.sessions.values():
        if f"chain {session.chain_id} rpc" not in dead:
            chain = patient.chains[session.chain_id]
            found += await examine_session(chain, session, around.jobs[session.name], patient.operations)
            verdict = await examine_rules(around, session, chain, patient.wall_now)
            if verdict is not None:
                found += rule_findings(verdict)
                verdicts.append(verdict)
    return (*found, *pin_findings(verdicts))


def contracts_of(chain: ChainDefinition, sessions: Iterable[SessionDefinition]) -> dict[str, Address]:
    """Return every contract that operations of the chain run through, by its name."""
    needed = [chain.entry_point, chain.multicall]
    for session in sessions:
        granted = session.session
        guards = [
            *granted.user_op_policies,
            *(guard for action in granted.actions for guard in action.action_policies),
        ]
        needed += [session.smart_session, granted.session_validator, *(guard.policy for guard in guards)]
    names = {facts.address: name for name, facts in known_contracts().items()}
    return {names.get(address, f"contract {address}"): address for address in dict.fromkeys(needed)}


def _sessions_on(definitions: Definitions, chain_id: ChainId) -> list[SessionDefinition]:
    return [session for session in definitions.sessions.values() if session.chain_id == chain_id]
