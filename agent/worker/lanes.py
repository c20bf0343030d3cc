"""One task per job that has something to do; a job's occurrences are worked on one after the other."""

import asyncio
from collections.abc import Mapping

import structlog

from agent.domain.errors import AgentError, StaleRecord
from agent.domain.job import JobDefinition
from agent.domain.journal_step import holds_lane
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import grace_start
from agent.domain.states import IN_FLIGHT, WAITS_FOR_PERSON, Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.earlier import instead_of_end
from agent.pipeline.lane_reading import lane_sequence
from agent.pipeline.occurrence import pay
from agent.pipeline.recover import unplan
from agent.pipeline.settle import LADDER, after_the_end, settlement
from agent.worker.board import Board
from agent.worker.observer import Observer
from agent.worker.turns import Turns

log = structlog.get_logger()
AT_ONCE = 256
"""Occurrences worked on at the same time: all of a burst go from step to step together, so that each step's
reads are one request and its records one write."""
READY = frozenset({State.DUE, State.CLAIMED})
NOT_OURS = IN_FLIGHT | WAITS_FOR_PERSON
"""States in which a lane only waits: the chain or a person decides."""


def is_left_aside(occurrence: Occurrence) -> bool:
    """Say whether a person decides about it alone: it may be paid already, by a lane that has gone on."""
    return occurrence.state is State.HELD and occurrence.code == LANE_AHEAD and not holds_lane(occurrence)


class Lanes:
    """Starts and drains the jobs' tasks."""

    def __init__(
        self, services: Services, jobs: Mapping[str, JobContext], board: Board, observer: Observer
    ) -> None:
        self._services = services
        self._jobs = jobs
        self._board = board
        self._observer = observer
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stepping: set[str] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        caps = {job.definition.chain_id: job.chain.sender_cap for job in jobs.values()}
        self._turns = Turns(board, caps)
        self._draining = False

    def wake(self, job_id: str) -> None:
        """Start the job's task unless it runs already or the worker drains."""
        if self._draining or job_id in self._tasks:
            return
        task = asyncio.create_task(self._run(job_id), name=f"lane {job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job_id, None))

    def wake_all(self) -> None:
        """Start the task of every job with an open occurrence."""
        for job_id in self._board.jobs():
            self.wake(job_id)

    def works_on(self, job_id: str) -> bool:
        """Say whether the job's task is in the middle of a step that changes its first open occurrence.

        A task that only looks does not count: it may run at every poll, and nothing would be followed.
        """
        return job_id in self._stepping

    @property
    def busy(self) -> bool:
        """Whether any task runs."""
        return bool(self._tasks)

    async def drain(self) -> None:
        """Start nothing more and wait for the running steps: each ends with its state in the journal."""
        self._draining = True
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, job_id: str) -> None:
        async with self._slots:
            with structlog.contextvars.bound_contextvars(job=job_id):
                try:
                    while not self._draining and await self._step(job_id):
                        pass
                except AgentError as error:
                    log.warning("lane_stopped", code=error.code, reason=str(error))
                except Exception:
                    log.exception("lane_broken")
                    await self._set_aside(job_id)

    async def _set_aside(self, job_id: str) -> None:
        """Hold a job that the code could not cope with: the others go on, a person looks."""
        try:
            await self._hold(job_id)
        except AgentError as error:
            # Not written down, it is not held: the job breaks again at its next turn, and is held then.
            log.warning("lane_stopped", code=error.code, reason=str(error))

    async def _hold(self, job_id: str) -> None:
        for known in self._board.of_job(job_id)[:1]:
            occurrence = await self._services.journal.occurrence(known.id)
            if occurrence.state in READY or occurrence.state is State.PLANNED:
                now = await self._services.clock.now()
                reason = "an unexpected error, see the log"
                occurrence = await self._services.journal.record(
                    change_of(occurrence, Event.HOLD, now, code="internal_error", reason=reason)
                )
            self._board.put(occurrence)

    async def _step(self, job_id: str) -> bool:
        """Take the job's first open occurrence one step; return whether there may be more to do now."""
        open_now = [row for row in self._board.of_job(job_id) if not is_left_aside(row)]
        if not open_now:
            return False
        first, *later = open_now
        if first.state not in NOT_OURS:
            self._stepping.add(job_id)
        try:
            return await self._stepped(first, later)
        finally:
            self._stepping.discard(job_id)

    async def _stepped(self, first: Occurrence, later: list[Occurrence]) -> bool:
        now = await self._services.clock.now()
        try:
            after = await self._advance(first, now)
            if after is None:
                await self._skip_overdue(first, later, now)
                return False
        except StaleRecord:
            # A person or another process changed it: the journal knows best.
            after = await self._services.journal.occurrence(first.id)
        self._board.put(after)
        return after.version != first.version

    async def _advance(self, occurrence: Occurrence, now: Timestamp) -> Occurrence | None:
        job = self._jobs.get(occurrence.job_id)
        if job is None:
            return await self._close(occurrence, now)
        signed = await self._services.journal.operations(occurrence.id) if occurrence.state in LADDER else ()
        change = after_the_end(job.definition, occurrence, now, signed)
        if change is not None and change.event is Event.GIVE_UP:
            change = await instead_of_end(self._services, job, occurrence, change)
        if change is not None:
            after = await self._services.journal.record(change)
            self._observer.changed(job, occurrence, after)
            return after
        if occurrence.state is State.PLANNED:
            # No other task plans for this job: whoever did was interrupted.
            return await unplan(self._services, occurrence)
        if occurrence.state not in READY or occurrence.not_before > now:
            return None
        if not self._turns.take(occurrence, now):
            return None
        after = occurrence
        try:
            after = await self._pay(job, occurrence, now)
        finally:
            self._turns.done(after)
        return after

    async def _pay(self, job: JobContext, occurrence: Occurrence, now: Timestamp) -> Occurrence:
        with structlog.contextvars.bound_contextvars(occurrence=occurrence.id, slot=occurrence.slot):
            self._observer.started(occurrence, now)
            after = await pay(self._services, job, occurrence)
            self._observer.changed(job, occurrence, after)
            return after

    async def _close(self, occurrence: Occurrence, now: Timestamp) -> Occurrence | None:
        """Close the books of a job that left the files; nothing of it is begun or tried again."""
        change = settlement(occurrence, now)
        return None if change is None else await self._services.journal.record(change)

    async def _skip_overdue(self, first: Occurrence, later: list[Occurrence], now: Timestamp) -> None:
        """Give up slots whose grace ended behind an occurrence that blocks the lane.

        Not while the lane shows more than the journal knows: they may be paid already, and are found or
        held once its past is read. Raises ChainUnavailable: then nothing is known.
        """
        job = self._jobs.get(first.job_id)
        overdue = [] if job is None else [row for row in later if _is_overdue(job.definition, row, now)]
        if job is None or not overdue or not await self._is_lane_known(job, first):
            return
        for occurrence in overdue:
            change = change_of(
                occurrence,
                Event.GIVE_UP,
                now,
                code="lane_blocked",
                reason="its grace ended while an earlier occurrence of the job was open",
            )
            after = await self._services.journal.record(change)
            self._board.put(after)
            self._observer.changed(job, occurrence, after)

    async def _is_lane_known(self, job: JobContext, first: Occurrence) -> bool:
        """Say whether the chain shows just what the journal knows of a lane on which a run is open.

        The run's own nonce counts as known once its own operation was seen on it: before that, who used it
        is not known.
        """
        known = (await self._services.journal.job(first.job_id)).next_sequence
        if first.inclusion is not None and first.nonce is not None:
            known = max(known, first.nonce.sequence + 1)
        return await lane_sequence(job, await job.chain.agreed.block("latest")) == known


def _is_overdue(definition: JobDefinition, occurrence: Occurrence, now: Timestamp) -> bool:
    begins = grace_start(definition.catch_up, occurrence.due_at, occurrence.created_at)
    return occurrence.state is State.DUE and now > begins + definition.retry.grace_s
