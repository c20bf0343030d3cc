"""New heads of one chain: follow what is in flight, note how the chain is."""

from collections.abc import Iterable, Mapping

import structlog

from agent.domain.errors import AgentError, StaleRecord, Unavailable
from agent.domain.occurrence import Occurrence
from agent.domain.states import IN_FLIGHT, State
from agent.domain.units import ChainId
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.follow import Flight, Followed, LogScan, follow
from agent.pipeline.recover import flight
from agent.ports import Block
from agent.telemetry.health import Health
from agent.worker.board import Board
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer

log = structlog.get_logger()


class Heads:
    """Polls a chain's head and follows the chain's operations in flight when it moved."""

    def __init__(
        self,
        services: Services,
        chain: ChainContext,
        jobs: Mapping[str, JobContext],
        board: Board,
        lanes: Lanes,
        observer: Observer,
        health: Health,
    ) -> None:
        self._services = services
        self._chain = chain
        self._jobs = jobs
        self._board = board
        self._lanes = lanes
        self._observer = observer
        self._health = health
        self._head: Block | None = None
        self._scan = LogScan()

    @property
    def chain_id(self) -> ChainId:
        """The chain it watches."""
        return self._chain.reader.chain_id

    async def poll(self) -> None:
        """Look at the head once; an unavailable chain is noted and asked again at the next tick."""
        need = f"chain {self.chain_id}"
        try:
            head = await self._chain.reader.block("latest")
            now = await self._services.clock.now()
        except Unavailable as error:
            self._health.failed(need, str(error))
            log.warning("chain_unavailable", chain=self.chain_id, reason=str(error))
            return
        self._health.answered(need)
        self._observer.metrics.head_observed(str(self.chain_id), head.number, now - head.timestamp)
        moved = self._head is None or head.hash != self._head.hash
        self._head = head
        if moved or self._unsent():
            await self.follow()

    async def follow(self) -> None:
        """Follow everything in flight once."""
        flights = await self._flights()
        try:
            results = await follow(self._services, self._chain, flights, self._scan)
        except Unavailable as error:
            log.warning("follow_failed", chain=self.chain_id, code=error.code, reason=str(error))
            return
        for result in results:
            await self._take(result)

    async def _take(self, result: Followed) -> None:
        before, outcome = result.before, result.outcome
        if isinstance(outcome, StaleRecord):
            self._board.put(await self._services.journal.occurrence(before.id))
        elif isinstance(outcome, AgentError):
            log.warning("follow_failed", occurrence=before.id, code=outcome.code, reason=str(outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            self._board.put(outcome)
            self._observer.changed(self._jobs[outcome.job_id], before, outcome)
            self._lanes.wake(outcome.job_id)

    def _unsent(self) -> bool:
        return any(occurrence.state is State.SIGNED for occurrence in self._mine())

    def _mine(self) -> Iterable[Occurrence]:
        return (item for item in self._board if item.chain_id == self.chain_id and is_followed(item))

    async def _flights(self) -> list[Flight]:
        # A job whose task runs is in the middle of a step of its own.
        idle = [item for item in self._mine() if not self._lanes.works_on(item.job_id)]
        found = [await flight(self._services, self._jobs, item) for item in idle]
        return [item for item in found if item is not None]


def is_followed(occurrence: Occurrence) -> bool:
    """Say whether a signed operation of it may land, be undone or become final."""
    state = occurrence.held_from if occurrence.state is State.HELD else occurrence.state
    if occurrence.state is State.HELD and state not in (State.SIGNED, State.SENT):
        return False
    return state in IN_FLIGHT
