"""The worker's life: recover, run its duties, drain."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import structlog

from agent.domain.errors import AgentError, StoreInUse
from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, State
from agent.pipeline.context import JobContext, Services
from agent.pipeline.pump import DuePump
from agent.pipeline.recover import recover
from agent.telemetry.health import Health
from agent.worker.board import Board
from agent.worker.drift import Sweep
from agent.worker.duties import Duties, Duty
from agent.worker.gauges import Gauges
from agent.worker.head_bell import heeded_streams
from agent.worker.heads import Heads
from agent.worker.lanes import Lanes, is_left_aside
from agent.worker.observer import Observer
from agent.worker.watcher import Watcher

log = structlog.get_logger()
RESYNC_S = 5
GAUGES_S = 15
MOST_SWEPT_AT_START = 1_000
"""Sessions; more would keep payments waiting for seconds, and each is preflighted anyway."""
ENDS_BY_ITSELF = TERMINAL | {State.INCLUDED_OK, State.INCLUDED_FAIL}
PUT_BACK = "what is signed is followed, nothing more is sent: put the job's file back to go on with it"


class Worker:
    """Runs jobs until it is told to stop. One per store."""

    def __init__(
        self,
        services: Services,
        jobs: Mapping[str, JobContext],
        sweeps: Sequence[Sweep],
        observer: Observer,
        health: Health,
        *,
        tick_s: float = 1.0,
        poll_s: float = 1.0,
    ) -> None:
        """Take everything the worker runs on, a sweep for each chain.

        `tick_s` and `poll_s` are wall seconds between looks.
        """
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
        self._watchers = [
            Watcher(services, sweep.chain, jobs.values(), self._started, observer.metrics) for sweep in sweeps
        ]
        self._heads = [
            Heads(services, watcher, jobs, self._board, self._lanes, observer, health)
            for watcher in self._watchers
        ]
        self._sweeps = sweeps
        readers = [(sweep.chain, sweep.reader) for sweep in sweeps]
        self._gauges = Gauges(services, readers, observer.metrics, self._board, jobs.values())
        self._sweeps_at_start = sum(len(sweep.reader.sessions) for sweep in sweeps) <= MOST_SWEPT_AT_START
        self._stop = asyncio.Event()
        self._lost: StoreInUse | None = None
        """Set once another worker has the store: this one has no say any more."""

    def stop(self) -> None:
        """Ask the worker to drain and return."""
        self._stop.set()

    async def run(self) -> None:
        """Recover, then work until `stop`; every running step ends before this returns.

        Raises StoreInUse when another worker took the store over meanwhile.
        """
        await self.recover()
        duties = Duties(self.duties)
        duties.start()
        try:
            async with heeded_streams(self._heads, self._lanes.wake_all):
                await self._stop.wait()
        finally:
            duties.stop()
            await self.drain()
        if self._lost is not None:
            raise self._lost

    async def run_once(self) -> None:
        """Recover, do what is due now and follow it to its end, or until nothing moves without time."""
        await self.recover()
        await self._pump.tick(await self._services.clock.now())
        while not self._stop.is_set():
            await self._follow_heads()
            self._lanes.wake_all()
            # A lane just woken counts as busy until it has looked at its job.
            await asyncio.sleep(min(self._tick_s, self._poll_s) / 4)
            if not self._lanes.busy and await self._nothing_to_do():
                break
        await self.drain()

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Everything that is done at intervals, between `recover` and `drain`."""
        return (
            Duty("due", self._tick_s, self._tick, at_once=True),
            Duty("heads", self._poll_s, self._follow_heads),
            Duty("drift", self._poll_s, self._sweep),
            Duty("resync", RESYNC_S, self._resync),
            Duty("gauges", GAUGES_S, self._observe_gauges, at_once=True),
        )

    async def recover(self) -> None:
        """Take up what an earlier run left open; raises Unavailable."""
        self._board.replace_all(await recover(self._services))
        await self._follow_heads()
        if self._sweeps_at_start:
            # What drifted while nobody looked is held before anything is sent.
            await self._sweep()
        log.info("recovered", open=len(self._board), states=dict(self._board.counts()))
        self._warn_of_orphans()
        for watcher in self._watchers:
            # Not before: what fires is sent, and what drifted is held by now.
            watcher.start()
        self._health.recovered()

    def _warn_of_orphans(self) -> None:
        for job_id in sorted(set(self._board.jobs()) - self._jobs.keys()):
            runs = {item.id: str(item.state) for item in self._board.of_job(job_id)}
            log.warning("job_not_in_files", job=job_id, runs=runs, next=PUT_BACK)

    async def drain(self) -> None:
        """Begin nothing more; return when every running step has ended."""
        log.info("draining")
        await self._lanes.drain()

    async def _tick(self) -> None:
        try:
            await self._pump.tick(await self._services.clock.now())
        except StoreInUse as error:
            log.warning("store_lost", code=error.code, reason=str(error), next="this worker ends")
            self._lost = error
            self.stop()
            return
        except AgentError as error:
            self._health.failed("store", str(error))
            log.warning("tick_failed", code=error.code, reason=str(error))
            return
        self._health.answered("store")
        self._lanes.wake_all()
        self._health.ticked()

    def _started(self, occurrence: Occurrence) -> None:
        if occurrence.state is State.HELD:
            run = {"occurrence": occurrence.id, "job": occurrence.job_id, "slot": occurrence.slot}
            log.warning("run_held", code=occurrence.code, reason=occurrence.reason, **run)
        self._board.put(occurrence)
        self._lanes.wake(occurrence.job_id)

    async def _follow_heads(self) -> None:
        await asyncio.gather(*(heads.poll() for heads in self._heads))

    async def _sweep(self) -> None:
        await asyncio.gather(*(sweep.poll() for sweep in self._sweeps))

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
        return all(
            item.state in WAITS_FOR_PERSON or _sleeps(item, now) or self._is_left_alone(item)
            for item in self._reachable()
        )

    def _reachable(self) -> Iterator[Occurrence]:
        for job_id in self._board.jobs():
            rows = [row for row in self._board.of_job(job_id) if not is_left_aside(row)]
            # A lane does not come to what is due behind a run that waits for a person.
            yield from rows[:1] if rows and rows[0].state in WAITS_FOR_PERSON else rows

    def _is_left_alone(self, occurrence: Occurrence) -> bool:
        """Say whether its job left the files before it was seen on chain: it may never move again."""
        return occurrence.job_id not in self._jobs and occurrence.state not in ENDS_BY_ITSELF


def _sleeps(occurrence: Occurrence, now: int) -> bool:
    return occurrence.state in (State.DUE, State.CLAIMED) and occurrence.not_before > now
