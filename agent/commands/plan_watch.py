"""What the watched jobs make of the newest block: which would fire now, and what the others see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.definitions.records import Definitions
from agent.domain.firing import Seen, TriggerRow
from agent.domain.job import JobDefinition
from agent.domain.recurrence import Slot
from agent.domain.units import ChainId
from agent.domain.watching import Firings, Glance
from agent.pipeline.caps import totals_left
from agent.pipeline.context import ChainContext
from agent.pipeline.observe import observe
from agent.ports import Block, Journal


@dataclass(frozen=True, slots=True)
class WatchOutlook:
    """What a watched job sees at the newest block."""

    definition: JobDefinition
    row: TriggerRow
    glance: Glance
    block: Block

    @property
    def fires(self) -> bool:
        """Whether a worker would fire it now."""
        return self.glance.fires and not self.row.stopped and not self.row.firings.open

    @property
    def slot(self) -> Slot:
        """The firing that would be next."""
        number = self.row.firings.count + 1
        return Slot(str(number), self.block.timestamp, number)


async def watch_outlooks(
    definitions: Definitions,
    chains: Mapping[ChainId, ChainContext],
    journal: Journal,
    jobs: Sequence[JobDefinition],
) -> tuple[WatchOutlook, ...]:
    """Return what those of the jobs see that have no schedule; raises ChainUnavailable, StoreUnavailable."""
    watched = [job for job in jobs if job.schedule is None]
    rows = await journal.triggers([job.id for job in watched])
    spent = await journal.spent() if any(row.firings.count for row in rows.values()) else {}
    found: list[WatchOutlook] = []
    for number in sorted({job.chain_id for job in watched}):
        head = await chains[number].agreed.block("latest")
        mine = [job for job in watched if job.chain_id == number]
        found += await _at(definitions, chains[number], head, mine, rows, spent)
    return tuple(found)


async def _at(
    definitions: Definitions,
    chain: ChainContext,
    head: Block,
    jobs: Iterable[JobDefinition],
    rows: Mapping[str, TriggerRow],
    spent: Mapping[str, int],
) -> list[WatchOutlook]:
    asked = [(job, definitions.kinds[job.kind]) for job in jobs]
    reads = [read for job, kind in asked for read in kind.watch_reads(job.spec, job.account)]
    view = await observe(chain.agreed, reads, head)
    found = []
    for job, kind in asked:
        row = rows.get(job.id, TriggerRow(Seen(job.id), Firings()))
        left = totals_left(job.id, kind.caps(job.spec), spent) if row.firings.count else {}
        told = replace(view, left=left)
        glance = kind.watch(job.spec, job.account, told, row.seen.memory, row.firings)
        found.append(WatchOutlook(job, row, glance, head))
    return found
