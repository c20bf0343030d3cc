"""The jobs: what the files define and what the journal knows of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from agent.domain.errors import NotFound
from agent.domain.firing import PAUSED, TriggerRow
from agent.domain.job import JobDefinition
from agent.domain.journal import JobRow
from agent.domain.occurrence import Occurrence
from agent.domain.recurrence import Slot
from agent.domain.schedule import slots
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.ports import Journal

RECENT = 10
UPCOMING = 5


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as an operator sees it."""

    definition: JobDefinition
    row: JobRow | None
    """None until a worker has run with this job."""
    counts: Mapping[State, int]
    upcoming: tuple[Slot, ...]
    """Slots to come; none for a paused job, an ended schedule or a watched job."""
    watch: TriggerRow | None = None
    """What a watched job saw last; None for one with a schedule, and until a worker has run with it."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.definition.id

    @property
    def condition(self) -> str:
        """One word: new, paused, held, active or ended; of a watched job alarm, firing or armed too."""
        if self.row is None:
            return "new"
        if self.row.paused:
            return "paused"
        if self.counts.get(State.HELD) or self.counts.get(State.FOREIGN):
            return "held"
        if self.watch is not None:
            return watch_condition(self.watch)
        return "active" if self.upcoming else "ended"


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job with its newest occurrences."""

    view: JobView
    recent: tuple[Occurrence, ...]


async def list_jobs(
    jobs: Mapping[str, JobDefinition], journal: Journal, now: Timestamp
) -> tuple[JobView, ...]:
    """Return every job of the files, in the order of their ids."""
    rows = {row.enrolment.job_id: row for row in await journal.jobs()}
    watched = await _watched(jobs.values(), journal)
    counts: dict[str, Counter[State]] = defaultdict(Counter)
    for occurrence in await journal.occurrences():
        counts[occurrence.job_id][occurrence.state] += 1
    return tuple(
        _view(definition, rows.get(job_id), counts[job_id], now, 1, watched.get(job_id))
        for job_id, definition in sorted(jobs.items())
    )


async def show_job(
    jobs: Mapping[str, JobDefinition], journal: Journal, job_id: str, now: Timestamp
) -> JobDetail:
    """Return one job with its next slots and newest occurrences; raises NotFound."""
    definition = jobs.get(job_id)
    if definition is None:
        raise NotFound(f"there is no job {job_id!r} in the files")
    rows = {row.enrolment.job_id: row for row in await journal.jobs()}
    mine = await journal.occurrences(job_id=job_id, newest_first=True)
    counts = Counter(occurrence.state for occurrence in mine)
    watched = (await _watched([definition], journal)).get(job_id)
    return JobDetail(_view(definition, rows.get(job_id), counts, now, UPCOMING, watched), mine[:RECENT])


async def pause_job(journal: Journal, job_id: str, reason: str, at: Timestamp) -> JobRow:
    """Stop the job until it is resumed; what is signed already is followed to its end. Raises NotFound."""
    return await journal.pause(job_id, reason, at)


async def resume_job(journal: Journal, job_id: str, at: Timestamp) -> JobRow:
    """Let the job go on; what it missed is decided by its catch-up rule. Raises NotFound."""
    return await journal.resume(job_id, at)


def upcoming(definition: JobDefinition, row: JobRow | None, now: Timestamp) -> Iterable[Slot]:
    """Yield the slots still to come: from the journal's cursor on, or by the schedule for a new job."""
    if definition.schedule is None:
        return ()
    cursor = row.enrolment.cursor if row is not None else None
    if row is not None and cursor is None:
        return ()
    # A cursor in the past is due now; the worker takes it at its next tick.
    after = now if cursor is None else Timestamp(cursor.due_at - 1)
    return slots(definition.schedule, after)


def watch_condition(watch: TriggerRow) -> str:
    """Return one word for a watched job that is neither paused nor waits for a person."""
    if watch.stopped and watch.stopped != PAUSED:
        return "held"
    if watch.firings.open:
        return "firing"
    if watch.seen.alarm:
        return "alarm"
    return "ended" if watch.seen.block_number and watch.seen.again.never else "armed"


async def _watched(jobs: Iterable[JobDefinition], journal: Journal) -> Mapping[str, TriggerRow]:
    return await journal.triggers([job.id for job in jobs if job.schedule is None])


def _view(
    definition: JobDefinition,
    row: JobRow | None,
    counts: Mapping[State, int],
    now: Timestamp,
    wanted: int,
    watch: TriggerRow | None,
) -> JobView:
    paused = row is not None and row.paused
    found = () if paused else tuple(islice(upcoming(definition, row, now), wanted))
    return JobView(definition, row, counts, found, watch)
