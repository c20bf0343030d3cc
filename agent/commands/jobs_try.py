"""Evaluate jobs at one block: what they see, would call, and what their sessions say. Nothing is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.commands.replay_purse import Moment, Paid, Purse, Refusal, pay, purses_of
from agent.definitions.records import Definitions
from agent.domain.errors import NotFound
from agent.domain.evaluation import Act, ChainView, Evaluation
from agent.domain.job import JobDefinition
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Glance
from agent.pipeline.observe import observe
from agent.ports import Block, ChainReader


@dataclass(frozen=True, slots=True)
class Tried:
    """What one job makes of one block."""

    job: JobDefinition
    view: ChainView
    glance: Glance | None
    """None for a job that is due by its schedule."""
    decided: Evaluation
    verdict: Paid | Refusal | None
    """None where it would not act."""

    @property
    def is_refused(self) -> bool:
        """Whether it would act and nothing lets it."""
        return isinstance(self.verdict, Refusal)


async def block_at(chain: ChainReader, at: Timestamp) -> Block:
    """Return the newest block that is not after a time; raise NotFound where all are, or ChainUnavailable."""
    low, high = await chain.block(0), await chain.block("latest")
    if low.timestamp > at:
        raise NotFound(f"the chain begins at {low.timestamp}, after {at}")
    if high.timestamp <= at:
        return high
    while high.number - low.number > 1:
        middle = await chain.block((low.number + high.number) // 2)
        low, high = (low, middle) if middle.timestamp > at else (middle, high)
    return low


async def try_jobs(
    definitions: Definitions,
    chain: ChainReader,
    jobs: Sequence[JobDefinition],
    block: Block,
    at: Timestamp | None = None,
) -> tuple[Tried, ...]:
    """Evaluate each job by itself at a block, with sessions as granted; `at` replaces the block's time.

    Raise ChainUnavailable.
    """
    reads = []
    for job in jobs:
        kind = definitions.kinds[job.kind]
        reads += [*kind.watch_reads(job.spec, job.account), *kind.reads(job.spec, job.account)]
    seen = await observe(chain, reads, block)
    view = seen if at is None else replace(seen, timestamp=at)
    return tuple(_tried(definitions, job, view, block) for job in jobs)


def _tried(definitions: Definitions, job: JobDefinition, seen: ChainView, block: Block) -> Tried:
    kind = definitions.kinds[job.kind]
    asked = (*kind.watch_reads(job.spec, job.account), *kind.reads(job.spec, job.account))
    left = {cap.name: cap.limit for cap in kind.caps(job.spec)}
    view = replace(seen, values={read: seen.values[read] for read in dict.fromkeys(asked)}, left=left)
    glance = None
    if job.schedule is None:
        glance = kind.watch(job.spec, job.account, view, NO_MEMORY, Firings())
    decided = kind.evaluate(job.spec, view, _occurrence(job, view))
    verdict = None
    if isinstance(decided, Act):
        purses: Mapping[str, Purse] = purses_of(definitions.sessions, [job])
        moment = Moment(block.number, view.timestamp, block.base_fee_per_gas)
        verdict = pay(job, decided.calls, moment, purses, None)
    return Tried(job, view, glance, decided, verdict)


def _occurrence(job: JobDefinition, view: ChainView) -> Occurrence:
    return Occurrence(
        id=0,
        job_id=job.id,
        slot="1",
        ordinal=1,
        due_at=view.timestamp,
        state=State.CLAIMED,
        attempt=0,
        version=0,
        chain_id=job.chain_id,
        account=job.account,
    )
