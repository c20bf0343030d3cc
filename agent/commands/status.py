"""How things stand: jobs, runs, limits, store, chains. What does not answer is named, not fatal."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agent.commands.job_caps import job_caps
from agent.commands.jobs import JobView, list_jobs
from agent.commands.session_usage import UsageFound, usage_found
from agent.definitions.records import Definitions
from agent.domain.errors import AgentError
from agent.domain.hold import Hold
from agent.domain.job_caps import CapUse
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
    orphaned: tuple[Occurrence, ...]
    """Open, and their job is not in the files; they stand among the others too."""
    holds: tuple[Hold, ...]
    """What may send nothing until it is released."""
    watched: tuple[JobView, ...]
    """Jobs that the chain makes due."""
    caps: tuple[CapUse, ...]
    """The jobs' own."""
    sessions: tuple[UsageFound, ...]
    chains: tuple[ChainStatus, ...]


async def status(
    definitions: Definitions, chains: Mapping[ChainId, ChainContext], journal: Journal, now: Timestamp
) -> Status:
    """Return how things stand; raises StoreUnavailable."""
    views = await list_jobs(definitions.jobs, journal, now)
    runs = sum((Counter(view.counts) for view in views), Counter[State]())
    waiting, in_flight, held = [
        await journal.occurrences(tuple(states)) for states in (WORKED_ON, IN_FLIGHT, WAITS_FOR_PERSON)
    ]
    return Status(
        now=now,
        jobs=Counter(view.condition for view in views),
        runs=runs,
        waiting=waiting,
        in_flight=in_flight,
        held=held,
        orphaned=orphans((*waiting, *in_flight, *held), definitions.jobs),
        holds=await journal.holds(),
        watched=tuple(view for view in views if view.watch is not None),
        caps=await job_caps(definitions, journal, now),
        sessions=tuple(
            [
                await usage_found(chains[session.chain_id], journal, session)
                for _, session in sorted(definitions.sessions.items())
            ]
        ),
        chains=tuple(
            [await _chain(chain, definitions.chains[number].name) for number, chain in chains.items()]
        ),
    )


def orphans(runs: Iterable[Occurrence], jobs: Collection[str]) -> tuple[Occurrence, ...]:
    """Return the runs whose job is not among these."""
    return tuple(run for run in runs if run.job_id not in jobs)


async def _chain(chain: ChainContext, name: str) -> ChainStatus:
    number = chain.reader.chain_id
    try:
        head, final = await chain.reader.block("latest"), await chain.reader.finalized()
    except AgentError as error:
        return ChainStatus(number, name, problem=f"{error.code} {error}")
    return ChainStatus(number, name, head.number, head.timestamp, final.number)
