"""One task per job that has something to do; a job's occurrences are worked on one after the other."""

import asyncio
from collections.abc import Mapping

import structlog

from agent.domain.errors import AgentError, StaleRecord
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.occurrence import pay
from agent.pipeline.recover import unplan
from agent.pipeline.settle import after_the_end
from agent.worker.board import Board
from agent.worker.observer import Observer

log = structlog.get_logger()
AT_ONCE = 64
"""Occurrences worked on at the same time: enough to hide latency, few enough for a bundler's queue."""
READY = frozenset({State.DUE, State.CLAIMED})


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
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._draining = False

    def wake(self, job_id: str) -> None:
        """Start the job's task unless it runs already or the worker drains."""
        if self._draining or job_id in self._tasks or job_id not in self._jobs:
            return
        task = asyncio.create_task(self._run(job_id), name=f"lane {job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job_id, None))

    def wake_all(self) -> None:
        """Start the task of every job with an open occurrence."""
        for job_id in self._board.jobs():
            self.wake(job_id)

    def works_on(self, job_id: str) -> bool:
        """Say whether the job's task runs."""
        return job_id in self._tasks

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
                    await self._hold(job_id)

    async def _hold(self, job_id: str) -> None:
        """Set a job aside that the code could not cope with: the others go on, a person looks."""
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
        open_now = self._board.of_job(job_id)
        if not open_now:
            return False
        first, *later = open_now
        now = await self._services.clock.now()
        try:
            after = await self._advance(first, now)
            if after is None:
                await self._skip_overdue(later, now)
                return False
        except StaleRecord:
            # A person or another process changed it: the journal knows best.
            after = await self._services.journal.occurrence(first.id)
        self._board.put(after)
        return after.version != first.version

    async def _advance(self, occurrence: Occurrence, now: Timestamp) -> Occurrence | None:
        job = self._jobs[occurrence.job_id]
        change = after_the_end(job.definition, occurrence, now)
        if change is not None:
            after = await self._services.journal.record(change)
            self._observer.changed(job, occurrence, after)
            return after
        if occurrence.state is State.PLANNED:
            # No other task plans for this job: whoever did was interrupted.
            return await unplan(self._services, occurrence)
        if occurrence.state not in READY or occurrence.not_before > now:
            return None
        with structlog.contextvars.bound_contextvars(occurrence=occurrence.id, slot=occurrence.slot):
            self._observer.started(occurrence, now)
            after = await pay(self._services, job, occurrence)
            self._observer.changed(job, occurrence, after)
            return after

    async def _skip_overdue(self, later: list[Occurrence], now: Timestamp) -> None:
        """Give up slots whose grace ended behind an occurrence that blocks the lane."""
        for occurrence in later:
            job = self._jobs[occurrence.job_id]
            if occurrence.state is State.DUE and now > occurrence.due_at + job.definition.retry.grace_s:
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
