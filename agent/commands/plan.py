"""What comes next: changes of the files against the journal, and the coming fires of all jobs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import merge
from itertools import islice

from agent.commands.jobs import upcoming
from agent.commands.plan_fires import TYPICAL_GAS, Fire, JobOutlook, Pricing, forecast
from agent.commands.plan_void import Lifetime, lifetimes
from agent.commands.plan_watch import WatchOutlook, watch_outlooks
from agent.commands.session_outlook import session_outlook
from agent.definitions.records import Definitions
from agent.definitions.succession import in_use
from agent.domain.errors import NotFound
from agent.domain.job import FeeCaps, JobDefinition
from agent.domain.journal import JobRow
from agent.domain.operation import Fees, GasLimits
from agent.domain.recurrence import Slot
from agent.domain.units import ChainId, Timestamp, Wei
from agent.pipeline.caps import caps_of, left_of
from agent.pipeline.context import ChainContext
from agent.pipeline.observe import observe
from agent.pipeline.price import BASE_FEE_HEADROOM
from agent.ports import Block, Journal

Coming = tuple[JobDefinition, Slot]


class ChangeKind(StrEnum):
    """How a job of the files differs from what the worker last ran with."""

    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class JobChange:
    """One job that differs."""

    job_id: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Plan:
    """The next fires, and what a start of the worker would change."""

    changes: tuple[JobChange, ...]
    fires: tuple[Fire, ...]
    lives: Mapping[str, Lifetime]
    """By job: how long what it signs may land."""
    watched: tuple[WatchOutlook, ...] = ()
    """What the jobs without a schedule see now; those that would fire are among the fires."""


async def plan(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    journal: Journal,
    now: Timestamp,
    count: int,
    job_id: str | None = None,
) -> Plan:
    """Return the next `count` fires; raises NotFound, ChainUnavailable, StoreUnavailable."""
    if job_id is not None and job_id not in definitions.jobs:
        raise NotFound(f"there is no job {job_id!r} in the files")
    rows = {row.enrolment.job_id: row for row in await journal.jobs()}
    chosen = [job for job in definitions.jobs.values() if job_id in (None, job.id)]
    watched = await watch_outlooks(definitions, chains, journal, chosen)
    firing = [(item.definition, item.slot) for item in watched if item.fires]
    coming = tuple(islice((*firing, *islice(next_fires(chosen, rows, now), count)), count))
    numbers = {job.chain_id for job, _ in coming}
    heads = {number: await chains[number].reader.block("latest") for number in numbers}
    lines = in_use(definitions.sessions, dict.fromkeys(name for job, _ in coming for name in job.sessions))
    reserved = await journal.reserved({number: head.number for number, head in heads.items()})
    holds = await journal.holds()
    outlooks = {
        session.name: await session_outlook(
            chains[session.chain_id], session, heads[session.chain_id], reserved, holds
        )
        for line in lines.values()
        for session in line
    }
    sessions = {name: [outlooks[session.name] for session in line] for name, line in lines.items()}
    jobs = {
        job.id: await _job_outlook(
            definitions, chains[job.chain_id], journal, job, (heads[job.chain_id], now)
        )
        for job in {job.id: job for job, _ in coming}.values()
    }
    fires = tuple(forecast(((jobs[job.id], slot) for job, slot in coming), sessions, now))
    return Plan(changes(definitions.jobs, rows), fires, lifetimes(fires, jobs, outlooks, now), watched)


def next_fires(jobs: Iterable[JobDefinition], rows: Mapping[str, JobRow], now: Timestamp) -> Iterator[Coming]:
    """Yield the coming fires of all jobs in the order they are due; paused jobs have none."""
    streams = [_stream(job, rows.get(job.id), now) for job in jobs]
    return merge(*streams, key=lambda coming: (coming[1].due_at, coming[0].id))


def changes(jobs: Mapping[str, JobDefinition], rows: Mapping[str, JobRow]) -> tuple[JobChange, ...]:
    """Return every job that is new, edited or gone since the worker last started."""
    found = [JobChange(job_id, ChangeKind.NEW) for job_id in jobs.keys() - rows.keys()]
    found += [JobChange(job_id, ChangeKind.REMOVED) for job_id in rows.keys() - jobs.keys()]
    found += [
        JobChange(job_id, ChangeKind.CHANGED)
        for job_id in jobs.keys() & rows.keys()
        if rows[job_id].enrolment.definition_digest != str(jobs[job_id].digest)
    ]
    return tuple(sorted(found, key=lambda change: change.job_id))


def likely_fees(block: Block, suggestion_wei: Wei, caps: FeeCaps) -> Fees:
    """Return the fees an operation would offer now, inside the job's caps."""
    priority_wei = min(suggestion_wei, caps.max_priority_fee_per_gas_wei or suggestion_wei)
    wanted_wei = BASE_FEE_HEADROOM * block.base_fee_per_gas + priority_wei
    return Fees(Wei(min(wanted_wei, caps.max_fee_per_gas_wei or wanted_wei)), Wei(priority_wei))


def _stream(job: JobDefinition, row: JobRow | None, now: Timestamp) -> Iterator[Coming]:
    paused = row is not None and row.paused
    return ((job, slot) for slot in (() if paused else upcoming(job, row, now)))


async def _job_outlook(
    definitions: Definitions,
    chain: ChainContext,
    journal: Journal,
    job: JobDefinition,
    at: tuple[Block, Timestamp],
) -> JobOutlook:
    kind, (head, now) = definitions.kinds[job.kind], at
    seen = await observe(chain.reader, kind.reads(job.spec, job.account), head)
    view = replace(seen, left=left_of(await caps_of(journal, kind, job, now)))
    fees = likely_fees(head, await chain.reader.priority_fee(), job.fees)
    return JobOutlook(job, kind, view, Pricing(await _usual_gas(journal, job.id), fees))


async def _usual_gas(journal: Journal, job_id: str) -> GasLimits:
    """Return the gas limits of the job's newest operation."""
    for occurrence in await journal.occurrences(job_id=job_id, limit=3, newest_first=True):
        signed = await journal.operations(occurrence.id)
        if signed:
            newest = signed[-1].operation
            return GasLimits(
                newest.call_gas_limit, newest.verification_gas_limit, newest.pre_verification_gas
            )
    return TYPICAL_GAS
