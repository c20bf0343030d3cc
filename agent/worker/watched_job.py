"""A watched job as its watcher has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.domain.errors import Held
from agent.domain.evaluation import ChainView, Read
from agent.domain.firing import Firing, Seen, TriggerRow
from agent.domain.units import Hash32
from agent.domain.watching import ON_CHANGE, Again, Firings, Glance, JobCap, LogFilter, Memory
from agent.pipeline.context import JobContext, scopes_of
from agent.pipeline.gate import Gate
from agent.ports import Block
from jobs.kind import Timing


@dataclass(slots=True, eq=False)
class WatchedJob:
    """What it remembers, what it saw last, and whether it may fire."""

    context: JobContext
    reads: tuple[Read, ...] = ()
    filters: tuple[LogFilter, ...] = ()
    caps: tuple[JobCap, ...] = ()
    """Those over its whole life."""
    left: Mapping[str, int] = field(default_factory=dict)
    """What its ended firings have left of them; empty before the first."""
    memory: Memory = field(default_factory=dict)
    firings: Firings = field(default_factory=Firings)
    code: str = ""
    why: str = ""
    alarm: bool = False
    again: Again = ON_CHANGE
    stopped: str = ""
    broken: bool = False
    """Whether its kind raised; it is not asked again until its hold is released."""
    first_block: int | None = None
    log_block: int | None = None
    heard: int = 0
    """The newest block whose logs it has heard, final or not."""

    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.context.definition.id

    @property
    def may_fire(self) -> bool:
        """Whether a glance that fires is taken."""
        return not self.firings.open and not self.stopped

    def set_up(self) -> None:
        """Ask the kind what it looks at."""
        definition, kind = self.context.definition, self.context.kind
        self.reads = tuple(kind.watch_reads(definition.spec, definition.account))
        self.filters = tuple(kind.log_filters(definition.spec, definition.account))
        self.caps = tuple(cap for cap in kind.caps(definition.spec) if not cap.per_day)

    def look(self, view: ChainView) -> Glance:
        """Ask the kind what it makes of a block; nothing is taken yet."""
        definition = self.context.definition
        if self.left:
            view = replace(view, left=self.left)
        return self.context.kind.watch(definition.spec, definition.account, view, self.memory, self.firings)

    def restore(self, row: TriggerRow, *, stands: bool) -> None:
        """Take everything from the journal; `stands` says whether the block it was seen at is known to."""
        seen = row.seen
        self.memory = seen.memory if stands else seen.kept
        self.code, self.why, self.alarm = seen.code, seen.why, seen.alarm
        self.first_block, self.log_block = seen.first_block, seen.log_block
        self.firings, self.stopped = row.firings, row.stopped

    def learn(self, row: TriggerRow) -> bool:
        """Take what others did to it meanwhile; return whether it has to be looked at for that."""
        if row.firings == self.firings and row.stopped == self.stopped:
            return False
        if row.firings.count != self.firings.count:
            # It was fired, and the journal's answer got lost.
            self.memory = row.seen.memory
        self.firings, self.stopped = row.firings, row.stopped
        return True

    def seen(self, block: Block, memory: Memory, kept: Memory) -> Seen:
        """Return what the journal is to have of it."""
        return Seen(
            self.id,
            memory,
            block.number,
            block.hash,
            kept,
            self.code,
            self.why,
            self.alarm,
            self.again,
            self.first_block,
            self.log_block,
            self.firings.count,
        )

    def firing(self, block: Block, glance: Glance) -> Firing:
        """Return the firing that a glance asks for, the job's next one."""
        number = self.firings.count + 1
        seen = self.seen(block, glance.memory, glance.memory)
        return Firing(seen, str(number), number, block.timestamp, glance.facts)


def is_shut(gate: Gate, job: WatchedJob) -> bool:
    """Say whether a kill stops it that the journal may not know of yet."""
    return all(_refuses(gate, job.context, session.permission_id) for session in job.context.sessions)


def _refuses(gate: Gate, job: JobContext, session: Hash32) -> bool:
    try:
        gate.refuse(scopes_of(job, session))
    except Held:
        return True
    return False


def is_watched(job: JobContext) -> bool:
    """Say whether the chain makes the job due."""
    return job.definition.schedule is None and job.kind.timing is not Timing.SCHEDULE


def watched_jobs(jobs: Iterable[JobContext]) -> list[WatchedJob]:
    """Return the watched ones among these jobs."""
    return [WatchedJob(job) for job in jobs if is_watched(job)]
