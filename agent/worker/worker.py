"""The worker's life: recover, run its duties, drain."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.domain.errors import AgentError
from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, State
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.pump import DuePump
from agent.pipeline.recover import recover
from agent.telemetry.health import Health
from agent.worker.board import Board
from agent.worker.gauges import Gauges
from agent.worker.heads import Heads
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer

log = structlog.get_logger()
RESYNC_S = 5
GAUGES_S = 15


class Worker:
    """Runs jobs until it is told to stop. One per store."""

    def __init__(
        self,
        services: Services,
        jobs: Mapping[str, JobContext],
        chains: Sequence[ChainContext],
        observer: Observer,
        health: Health,
        *,
        tick_s: float = 1.0,
        poll_s: float = 1.0,
    ) -> None:
        """Take everything the worker runs on; `tick_s` and `poll_s` are wall seconds between looks."""
        self._services = services
        self._jobs = jobs
        self._health = health
        self._observer = observer
        self._tick_s = tick_s
        self._poll_s = poll_s
        self._board = Board()
        self._lanes = Lanes(services, jobs, self._board, observer)
        self._pump = DuePump(
            services.journal, {key: job.definition for key, job in jobs.items()}, self._started
        )
        self._heads = [
            Heads(services, chain, jobs, self._board, self._lanes, observer, health) for chain in chains
        ]
        self._gauges = Gauges(services, jobs, observer.metrics, self._board)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the worker to drain and return."""
        self._stop.set()

    async def run(self) -> None:
        """Recover, then work until `stop`; every running step ends before this returns."""
        await self._recover()
        scheduler = self._scheduler()
        scheduler.start()
        try:
            await self._stop.wait()
        finally:
            scheduler.shutdown(wait=False)
            await self._drain()

    async def run_once(self) -> None:
        """Recover, do what is due now and follow it to its end, or until nothing moves without time."""
        await self._recover()
        await self._pump.tick(await self._services.clock.now())
        while not self._stop.is_set():
            await self._follow_heads()
            self._lanes.wake_all()
            # A lane just woken counts as busy until it has looked at its job.
            await asyncio.sleep(min(self._tick_s, self._poll_s) / 4)
            if not self._lanes.busy and await self._nothing_to_do():
                break
        await self._drain()

    async def _recover(self) -> None:
        self._board.replace_all(await recover(self._services))
        await self._follow_heads()
        log.info("recovered", open=len(self._board), states=dict(self._board.counts()))
        self._health.recovered()

    async def _drain(self) -> None:
        log.info("draining")
        await self._lanes.drain()

    def _scheduler(self) -> AsyncIOScheduler:
        # The defaults would skip a late run in silence.
        scheduler = AsyncIOScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        scheduler.add_job(self._tick, "interval", seconds=self._tick_s, id="due")
        scheduler.add_job(self._follow_heads, "interval", seconds=self._poll_s, id="heads")
        scheduler.add_job(self._resync, "interval", seconds=RESYNC_S, id="resync")
        soon = datetime.now(UTC)
        scheduler.add_job(self._observe_gauges, "interval", seconds=GAUGES_S, id="gauges", next_run_time=soon)
        return scheduler

    async def _tick(self) -> None:
        try:
            await self._pump.tick(await self._services.clock.now())
        except AgentError as error:
            self._health.failed("store", str(error))
            log.warning("tick_failed", code=error.code, reason=str(error))
            return
        self._health.answered("store")
        self._lanes.wake_all()
        self._health.ticked()

    def _started(self, occurrence: Occurrence) -> None:
        self._board.put(occurrence)
        self._lanes.wake(occurrence.job_id)

    async def _follow_heads(self) -> None:
        await asyncio.gather(*(heads.poll() for heads in self._heads))

    async def _resync(self) -> None:
        """Take in what people changed through the command line meanwhile."""
        try:
            journal = self._services.journal
            found = await journal.occurrences(states=tuple(set(State) - TERMINAL))
            known = {occurrence.id for occurrence in found}
            # What a person ended is not open any more; it has to be settled and taken off the board.
            ended = [await journal.occurrence(item.id) for item in self._board if item.id not in known]
            for occurrence in (*found, *ended):
                self._board.put(occurrence)
        except AgentError as error:
            log.warning("resync_failed", code=error.code, reason=str(error))

    async def _observe_gauges(self) -> None:
        try:
            await self._gauges.observe()
        except AgentError as error:
            log.warning("gauges_failed", code=error.code, reason=str(error))

    async def _nothing_to_do(self) -> bool:
        now = await self._services.clock.now()
        return all(item.state in WAITS_FOR_PERSON or _sleeps(item, now) for item in self._board)


def _sleeps(occurrence: Occurrence, now: int) -> bool:
    return occurrence.state in (State.DUE, State.CLAIMED) and occurrence.not_before > now
