"""New heads of one chain: follow what is in flight, note how the chain is."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from agent.domain.errors import AgentError, StaleRecord, Unavailable
from agent.domain.occurrence import Occurrence
from agent.domain.states import IN_FLIGHT, Event, State
from agent.domain.units import ChainId
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.follow import Flight, Followed, LogScan, follow
from agent.pipeline.recover import flights
from agent.ports import Block, HeadStream
from agent.telemetry.health import Health
from agent.worker.board import Board
from agent.worker.finality import FinalityWatch
from agent.worker.head_walk import HeadWalk
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from agent.worker.watcher import Watcher

log = structlog.get_logger()
POLL = "poll"
STREAM = "stream"
"""What had it look at the head."""
HELD_IF_BROKEN = frozenset({State.SIGNED, State.SENT})
"""Held, these are followed as before; of what is included a reorg could then take the block unseen."""


class Heads:
    """Looks at a chain's head and follows the chain's operations in flight when it moved."""

    def __init__(
        self,
        services: Services,
        watcher: Watcher,
        jobs: Mapping[str, JobContext],
        board: Board,
        lanes: Lanes,
        observer: Observer,
        health: Health,
    ) -> None:
        """Take the watcher of the same chain: it looks at each head too."""
        chain = watcher.chain
        self._services = services
        self._chain = chain
        self._jobs = jobs
        self._board = board
        self._lanes = lanes
        self._observer = observer
        self._health = health
        self._watcher = watcher
        self._head: Block | None = None
        self._is_due = True
        """Whether the next poll is wanted, whatever the stream says."""
        self._looks = asyncio.Lock()
        self._walk = HeadWalk(chain.reader)
        self._scan = LogScan()
        self._finality = FinalityWatch(services, chain)

    @property
    def chain_id(self) -> ChainId:
        """The chain it watches."""
        return self._chain.reader.chain_id

    @property
    def stream(self) -> HeadStream | None:
        """What tells of its new heads, where something does."""
        return self._chain.stream

    async def poll(self) -> None:
        """Look at the head once, unless a look is under way or the stream tells of the next head."""
        if not self._looks.locked() and not self._rests():
            await self.look(POLL)

    async def look(self, source: str) -> None:
        """Look at the head once; an unavailable chain is noted and asked again at the next tick."""
        async with self._looks:
            await self._look(source)

    def _rests(self) -> bool:
        is_live = self.stream is not None and self.stream.is_live
        is_idle = not self._is_due and self._head is not None and not self._watcher.is_behind
        return is_live and is_idle and not self._unsent()

    async def _look(self, source: str) -> None:
        need = f"chain {self.chain_id}"
        # A stream may be ahead of the nodes, or lie: until the head has moved they are polled.
        self._is_due = True
        try:
            head = await self._chain.reader.block("latest")
            now = await self._services.clock.now()
        except Unavailable as error:
            self._health.failed(need, str(error))
            log.warning("chain_unavailable", chain=self.chain_id, reason=str(error))
            return
        self._health.answered(need)
        self._observer.head_seen(self.chain_id, head, now)
        watching = asyncio.ensure_future(self._watcher.poll(head))
        try:
            await self._follow_to(head, source)
        finally:
            await watching

    async def _follow_to(self, head: Block, source: str) -> None:
        moved = self._head is None or head.hash != self._head.hash
        self._head = head
        if moved:
            self._is_due = False
            self._observer.metrics.head_moved(str(self.chain_id), source)
            await self._watch_finality()
        if moved or self._unsent():
            await self.follow()
        if moved:
            await self._walk_to(head)

    async def _walk_to(self, head: Block) -> None:
        before = self._walk.newest
        try:
            moved = await self._walk.to(head)
        except Unavailable as error:
            log.info("head_not_walked", chain=self.chain_id, block=head.number, reason=str(error))
            return
        if moved is not None and moved.ancestor is not None:
            depth = before - moved.ancestor
            self._observer.metrics.reorg_seen(str(self.chain_id), depth)
            log.warning("reorg", chain=self.chain_id, block=head.number, depth=depth)

    async def _watch_finality(self) -> None:
        try:
            for occurrence in await self._finality.look():
                self._board.put(occurrence)
        except AgentError as error:
            log.warning("finality_unknown", chain=self.chain_id, code=error.code, reason=str(error))
            self._head = None

    async def follow(self) -> None:
        """Follow everything in flight once; what could not be looked at is looked at at the next poll."""
        flights = await self._flights()
        try:
            results = await follow(self._services, self._chain, flights, self._scan)
        except Unavailable as error:
            log.warning("follow_failed", chain=self.chain_id, code=error.code, reason=str(error))
            self._head = None
            return
        # What became of the others first: nothing that a failed run brings keeps it back.
        for result in sorted(results, key=lambda result: isinstance(result.outcome, BaseException)):
            await self._take(result)

    async def _take(self, result: Followed) -> None:
        before, outcome = result.before, result.outcome
        if isinstance(outcome, StaleRecord):
            self._board.put(await self._services.journal.occurrence(before.id))
        elif isinstance(outcome, AgentError):
            log.warning("follow_failed", occurrence=before.id, code=outcome.code, reason=str(outcome))
        elif isinstance(outcome, Exception):
            log.error("follow_broken", occurrence=before.id, job=before.job_id, exc_info=outcome)
            await self._set_aside(before)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            self._tell(before, outcome)
            self._lanes.wake(outcome.job_id)

    async def _set_aside(self, before: Occurrence) -> None:
        """Hold a run that the code could not cope with, as a lane does: a person looks, the others go on."""
        occurrence = await self._services.journal.occurrence(before.id)
        if occurrence.state in HELD_IF_BROKEN:
            now, reason = await self._services.clock.now(), "an unexpected error, see the log"
            hold = change_of(occurrence, Event.HOLD, now, code="internal_error", reason=reason)
            try:
                occurrence = await self._services.journal.record(hold)
            except StaleRecord:
                occurrence = await self._services.journal.occurrence(before.id)
        self._tell(before, occurrence)

    def _tell(self, before: Occurrence, after: Occurrence) -> None:
        self._board.put(after)
        self._observer.changed(self._jobs.get(after.job_id), before, after)

    def _unsent(self) -> bool:
        # Of a job that left the files nothing is sent.
        return any(item.state is State.SIGNED and item.job_id in self._jobs for item in self._mine())

    def _mine(self) -> Iterable[Occurrence]:
        return (item for item in self._board if item.chain_id == self.chain_id and is_followed(item))

    async def _flights(self) -> list[Flight]:
        # A job whose task runs is in the middle of a step of its own.
        idle = [item for item in self._mine() if not self._lanes.works_on(item.job_id)]
        return await flights(self._services, self._jobs, idle)


def is_followed(occurrence: Occurrence) -> bool:
    """Say whether a signed operation of it may land, be undone or become final."""
    state = occurrence.held_from if occurrence.state is State.HELD else occurrence.state
    if occurrence.state is State.HELD and state not in (State.SIGNED, State.SENT):
        return False
    return state in IN_FLIGHT
