"""How things stand: jobs, runs, limits, store, chains. What does not answer is named, not fatal."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agent.commands.jobs import list_jobs
from agent.commands.session_usage import SessionUsage, session_usage
from agent.definitions.records import Definitions
from agent.domain.errors import AgentError
from agent.domain.occurrence import Occurrence
from agent.domain.states import IN_FLIGHT, WAITS_FOR_PERSON, State
from agent.domain.units import ChainId, Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Journal

WORKED_ON = frozenset({State.DUE, State.CLAIMED, State.PLANNED, State.FINAL_FAIL, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """A chain as its node shows it; `problem` says why it shows nothing."""

    chain_id: ChainId
    name: str
    block_number: int | None = None
    block_time: Timestamp | None = None
    finalized_number: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A session's limits; `problem` says why they are not known."""

    name: str
    usage: SessionUsage | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at a glance."""

    now: Timestamp
    jobs: Mapping[str, int]
    """By condition."""
    runs: Mapping[State, int]
    waiting: tuple[Occurrence, ...]
    """Due or being prepared; nothing signed can be on its way."""
    in_flight: tuple[Occurrence, ...]
    held: tuple[Occurrence, ...]
    """Waiting for a person."""
    sessions: tuple[SessionStatus, ...]
    chains: tuple[ChainStatus, ...]


async def status(
    definitions: Definitions, chains: Mapping[ChainId, ChainContext], journal: Journal, now: Timestamp
) -> Status:
    """Return how things stand; raises StoreUnavailable."""
    views = await list_jobs(definitions.jobs, journal, now)
    runs = sum((Counter(view.counts) for view in views), Counter[State]())
    return Status(
        now=now,
        jobs=Counter(view.condition for view in views),
        runs=runs,
        waiting=await journal.occurrences(tuple(WORKED_ON)),
        in_flight=await journal.occurrences(tuple(IN_FLIGHT)),
        held=await journal.occurrences(tuple(WAITS_FOR_PERSON)),
        sessions=tuple(
            [await _session(chains, journal, definitions, name) for name in sorted(definitions.sessions)]
        ),
        chains=tuple(
            [await _chain(chain, definitions.chains[number].name) for number, chain in chains.items()]
        ),
    )


async def _session(
    chains: Mapping[ChainId, ChainContext], journal: Journal, definitions: Definitions, name: str
) -> SessionStatus:
    session = definitions.sessions[name]
    try:
        return SessionStatus(name, await session_usage(chains[session.chain_id], journal, session))
    except AgentError as error:
        return SessionStatus(name, problem=f"{error.code} {error}")


async def _chain(chain: ChainContext, name: str) -> ChainStatus:
    number = chain.reader.chain_id
    try:
        head, final = await chain.reader.block("latest"), await chain.reader.finalized()
    except AgentError as error:
        return ChainStatus(number, name, problem=f"{error.code} {error}")
    return ChainStatus(number, name, head.number, head.timestamp, final.number)
