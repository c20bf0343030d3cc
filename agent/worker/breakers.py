"""Breakers as a duty: read what was journaled, look at heads, and hold what is out of the ordinary."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from agent.commands.stops import way_out
from agent.domain.breaker_facts import EVENTS, FactReader
from agent.domain.breakers import BreakerLimits, Fact, Resets, Trip, trips
from agent.domain.errors import AgentError
from agent.domain.head_breakers import HeadHistory, HeadSeen, head_trips
from agent.domain.hold import Hold
from agent.domain.journal import JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.units import ChainId, Timestamp
from agent.pipeline.context import Services
from agent.ports import Block
from agent.telemetry.metrics import Metrics

log = structlog.get_logger()
LOOK_S = 2.0
RUNS_KEPT = 10_000


class Breakers:
    """Counts what the journal says, not what this process remembers: a restart changes nothing."""

    def __init__(self, services: Services, limits: Mapping[ChainId, BreakerLimits], metrics: Metrics) -> None:
        self._services = services
        self._limits = limits
        self._metrics = metrics
        self._reader = FactReader()
        self._facts: list[Fact] = []
        self._runs: dict[int, Occurrence] = {}
        self._read_to = 0
        self._heads: dict[ChainId, tuple[Block, HeadSeen]] = {}
        self._histories: dict[ChainId, HeadHistory] = {}

    def saw(self, chain_id: ChainId, head: Block, now: Timestamp) -> None:
        """Take a head of a chain; one that was seen already tells nothing new."""
        known = self._heads.get(chain_id)
        if known is not None and known[0].hash == head.hash:
            return
        seen = HeadSeen(head.base_fee_per_gas, head.timestamp, now)
        self._heads[chain_id] = head, seen
        history = self._histories.get(chain_id, HeadHistory())
        self._histories[chain_id] = history.after(seen, self._limits[chain_id])

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except AgentError as error:
                log.warning("breakers_failed", code=error.code, reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Count once, and hold what trips; raises StoreUnavailable and ChainUnavailable."""
        now = await self._services.clock.now()
        await self._read(now)
        holds = await self._services.journal.holds(active_only=False)
        active = {(hold.scope, hold.code) for hold in holds if hold.active}
        resets = {(hold.scope, hold.code): hold.released_at for hold in holds if hold.released_at is not None}
        for trip in (*trips(self._facts, self._limits, resets, now), *self._head_trips(resets)):
            if (trip.scope, trip.code) not in active:
                await self._trip(trip, now)

    async def _read(self, now: Timestamp) -> None:
        longest_s = max((limits.longest_s for limits in self._limits.values()), default=0)
        since = Timestamp(max(0, now - longest_s))
        for entry in await self._services.journal.entries_after(self._read_to, since):
            if entry.occurrence_id is not None and entry.event in EVENTS:
                self._take(entry, await self._run(entry.occurrence_id))
            # Once it is counted: what a store that fails keeps back is read again.
            self._read_to = entry.sequence
        self._facts = [fact for fact in self._facts if fact.at > since]

    def _take(self, entry: JournalEntry, run: Occurrence) -> None:
        fact = self._reader.read(entry, run)
        if fact is not None:
            self._facts.append(fact)

    async def _run(self, occurrence_id: int) -> Occurrence:
        # What is asked of it never changes: whose it is.
        if occurrence_id not in self._runs:
            self._runs[occurrence_id] = await self._services.journal.occurrence(occurrence_id)
            if len(self._runs) > RUNS_KEPT:
                del self._runs[next(iter(self._runs))]
        return self._runs[occurrence_id]

    def _head_trips(self, resets: Resets) -> Iterable[Trip]:
        for chain_id, (_, seen) in self._heads.items():
            history, limits = self._histories[chain_id], self._limits[chain_id]
            yield from head_trips(history, seen, chain_id, limits, resets)

    async def _trip(self, trip: Trip, now: Timestamp) -> None:
        hold = Hold(trip.scope, trip.code, trip.sentence, now)
        await self._services.journal.hold(hold)
        self._metrics.breaker_tripped(trip.code)
        log.error(
            "breaker_tripped",
            scope=str(trip.scope),
            code=trip.code,
            reason=trip.sentence,
            next=f"look why, then: {way_out(hold)}",
        )
