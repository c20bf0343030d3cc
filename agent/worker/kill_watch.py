"""Heeds the kill switch: ends what is on its way, says so, and brings orders and journal together."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from agent.domain.errors import AgentError, StoreUnavailable
from agent.domain.hold import Hold, Scope
from agent.domain.kill import ACKNOWLEDGED, KILLS, KillOrder
from agent.pipeline.context import Services
from agent.ports import KillSwitch
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics

log = structlog.get_logger()
HEED_S = 0.05
BOOK_S = 0.25
"""A store on another machine than the command is how its kills are learned: four times in the second."""
OnKill = Callable[[Sequence[KillOrder]], None]
"""What else is done about new orders; called on a thread."""


class KillWatch:
    """The worker's side of the kill switch; the gate itself needs nobody to be shut."""

    def __init__(
        self, services: Services, switch: KillSwitch, metrics: Metrics, health: Health, on_kill: OnKill
    ) -> None:
        self._services = services
        self._gate = services.gate
        self._switch = switch
        self._metrics = metrics
        self._health = health
        self._on_kill = on_kill
        self._heeded: set[str] = set()
        self._logged: set[str] = set()
        self._trouble = ""

    async def run(self) -> None:
        """Heed and book until cancelled, each at its own pace: a slow store delays no acknowledgement."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forever(self.heed, HEED_S), name="kill heed")
            group.create_task(self._forever(self.book, BOOK_S), name="kill book")

    async def heed(self) -> None:
        """End what is on its way under new orders, and acknowledge them; raise StoreUnavailable."""
        told = self._gate.told()
        if told:
            # On disk first: what was ordered by a signal has to outlive this process.
            await asyncio.to_thread(self._switch.add, told)
            self._gate.forget(told)
        orders = self._switch.orders()
        ids = {order.id for order in orders}
        fresh = [order for order in orders if order.id not in self._heeded]
        if fresh:
            await self._stop(fresh)
            await asyncio.to_thread(self._switch.acknowledge, sorted(ids))
        self._heeded = ids
        if fresh:
            await asyncio.to_thread(self._on_kill, fresh)

    async def book(self) -> None:
        """Learn what the journal holds, and journal what was ordered beside it; raise StoreUnavailable."""
        journal = self._services.journal
        holds = await journal.holds()
        self._gate.learn(holds)
        self._show(holds)
        held = {(hold.scope, hold.code) for hold in holds}
        for order in self._gate.orders():
            if (order.scope, order.code) not in held:
                await self._journal(order, held)
        await self._acknowledge(holds)

    async def _journal(self, order: KillOrder, held: Collection[tuple[Scope, str]]) -> None:
        journal, now = self._services.journal, await self._services.clock.now()
        # Let go in the meantime it is not to be held again.
        if order not in self._gate.orders():
            return
        await journal.hold(Hold(order.scope, order.code, order.reason, now, order.id))
        for code in KILLS - {order.code}:
            if (order.scope, code) in held:
                await journal.release_hold(order.scope, code, "killed anew in another way", now)

    async def _acknowledge(self, holds: Sequence[Hold]) -> None:
        """Acknowledge each kill of the journal once, and end what was acknowledged of one that was let go."""
        journal = self._services.journal
        killed = {hold.scope: hold for hold in holds if hold.code in KILLS}
        done = {hold.scope: hold.subject for hold in holds if hold.code == ACKNOWLEDGED}
        over = [scope for scope, subject in done.items() if _subject(killed.get(scope)) != subject]
        fresh = [hold for scope, hold in killed.items() if done.get(scope) != hold.subject]
        if not over and not fresh:
            return
        now = await self._services.clock.now()
        for scope in over:
            await journal.release_hold(scope, ACKNOWLEDGED, "that kill was let go", now)
        for hold in fresh:
            await self._gate.drained(hold.scope)
            words = f"process {os.getpid()} has nothing of it on its way out"
            await journal.hold(Hold(hold.scope, ACKNOWLEDGED, words, now, hold.subject))

    async def _stop(self, orders: Sequence[KillOrder]) -> None:
        cut = await asyncio.gather(*(self._gate.drained(order.scope) for order in orders))
        for order, count in zip(orders, cut, strict=True):
            # Once, however often the disk refuses the acknowledgement.
            if order.id not in self._logged:
                self._logged.add(order.id)
                log.error("killed", scope=str(order.scope), reason=order.reason, cut_off=count)

    def _show(self, holds: Sequence[Hold]) -> None:
        stops = {(str(hold.scope), hold.code) for hold in holds if hold.code != ACKNOWLEDGED}
        stops |= {(str(order.scope), order.code) for order in self._gate.orders()}
        self._metrics.holds_observed(stops)
        self._health.stopped(f"{scope}: {code}" for scope, code in sorted(stops))

    async def _forever(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            try:
                await work()
                self._tell_trouble("")
            except AgentError as error:
                self._tell_trouble(str(error))
            except Exception:
                # Whatever this is: the gate stays shut for what it knows, and orders must still be seen.
                log.exception("kill_watch_broken")
            await asyncio.sleep(every_s)

    def _tell_trouble(self, why: str) -> None:
        if why and why != self._trouble:
            log.error("kill_watch_failed", code=StoreUnavailable.code, reason=why)
        self._trouble = why


def _subject(hold: Hold | None) -> str | None:
    return None if hold is None else hold.subject
