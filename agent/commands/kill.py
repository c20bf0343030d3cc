"""Stop scopes at once, whatever state the worker and the store are in, and say who has acknowledged it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Thread

from agent.domain.errors import AgentError, StoreUnavailable
from agent.domain.hold import Hold, Scope
from agent.domain.kill import ACKNOWLEDGED, KillOrder
from agent.domain.units import Timestamp
from agent.ports import Journal, KillSwitch

ANSWER_S = 1.0
"""Within this time a worker that lives has acknowledged."""
LOOK_S = 0.02
Now = Callable[[], Awaitable[Timestamp]]


@dataclass(frozen=True, slots=True)
class StoreDoor:
    """A store before it is opened."""

    is_there: bool
    is_shared: bool
    """Workers on other machines may have it, which no file here reaches."""
    worker: Callable[[], str | None]
    """Says which worker has it, None when none has; raises StoreUnavailable. Blocks."""
    open: Callable[[], Journal]
    """Opens it beside a worker; raises StoreUnavailable. Blocks."""


class Answer(StrEnum):
    """Who says that nothing of it leaves any more."""

    WORKER = "worker"  #: it has ended or cut off what was on its way
    NOBODY = "no_worker"  #: none runs, and one that starts finds the order first
    SILENT = "silent"  #: one has the store and did not answer in time


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of a kill; the orders are in force whatever was answered."""

    orders: tuple[KillOrder, ...]
    answer: Answer
    worker: str | None
    """Who had the store when nobody answered."""
    waited_s: float
    journaled: bool
    """False: the worker journals it, or the next one at its start."""
    problems: tuple[str, ...]


def kill(
    switch: KillSwitch, door: StoreDoor, orders: Sequence[KillOrder], now: Now, timeout_s: float = ANSWER_S
) -> Killed:
    """Order the file first, then the journal, and wait for an answer; raise StoreUnavailable if both fail.

    Nothing here waits for a store that is locked or gone longer than `timeout_s`.
    """
    return _Killing(switch, door, now).run(tuple(orders), timeout_s)


class _Killing:
    def __init__(self, switch: KillSwitch, door: StoreDoor, now: Now) -> None:
        self._switch = switch
        self._door = door
        self._now = now
        self._problems: dict[str, None] = {}
        self._worker: str | None = None

    def run(self, orders: tuple[KillOrder, ...], timeout_s: float) -> Killed:
        began = time.monotonic()
        written = self._written(orders)
        booking = _Booking(self._door, written or orders, self._now)
        if self._door.is_there:
            booking.start()
        answer, is_over = None, False
        while answer is None and not is_over:
            time.sleep(LOOK_S)
            # Once at least: a slow disk may have taken all the time for the file.
            is_over = time.monotonic() >= began + timeout_s
            answer = self._answer(written, booking)
        waited_s = time.monotonic() - began
        while booking.is_alive() and not booking.booked.is_set() and time.monotonic() < began + timeout_s:
            time.sleep(LOOK_S)
        booking.leave.set()
        if not written and not booking.booked.is_set():
            raise StoreUnavailable(
                "; ".join([*self._problems, booking.problem or "the store does not answer"])
            )
        return Killed(
            booking.orders,
            answer or Answer.SILENT,
            self._worker,
            waited_s,
            booking.booked.is_set(),
            (*self._problems, *([booking.problem] if booking.problem else [])),
        )

    def _written(self, orders: tuple[KillOrder, ...]) -> tuple[KillOrder, ...]:
        try:
            return self._switch.add(orders)
        except StoreUnavailable as error:
            self._problems[str(error)] = None
            return ()

    def _answer(self, written: tuple[KillOrder, ...], booking: "_Booking") -> Answer | None:
        if written and {order.id for order in written} <= self._switch.acknowledged():
            return Answer.WORKER
        if booking.acknowledged >= {order.scope for order in booking.orders}:
            return Answer.WORKER
        if self._door.is_shared:
            # A worker elsewhere finds the order in the journal alone.
            self._worker = booking.worker
            return Answer.NOBODY if booking.asked.is_set() and booking.worker is None else None
        return self._local_answer(bool(written) or booking.booked.is_set())

    def _local_answer(self, is_lasting: bool) -> Answer | None:  # noqa: FBT001 - told in the same file
        try:
            self._worker = self._door.worker()
        except StoreUnavailable as error:
            self._problems[str(error)] = None
            return None
        return Answer.NOBODY if self._worker is None and is_lasting else None


class _Booking(Thread):
    """Journals the orders and watches the journal for an answer; a store that hangs, hangs this thread."""

    def __init__(self, door: StoreDoor, orders: tuple[KillOrder, ...], now: Now) -> None:
        super().__init__(name="kill booking", daemon=True)
        self._door = door
        self._now = now
        self.orders = orders
        self.booked, self.asked, self.leave = Event(), Event(), Event()
        self.worker: str | None = None
        self.acknowledged: set[Scope] = set()
        self.problem = ""

    def run(self) -> None:
        try:
            asyncio.run(self._book())
        except AgentError as error:
            self.problem = str(error)

    async def _book(self) -> None:
        journal = self._door.open()
        try:
            now = await self._now()
            holds = [Hold(order.scope, order.code, order.reason, now, order.id) for order in self.orders]
            # A scope that was killed before keeps its hold, and with it what was acknowledged.
            kept = {(hold.scope, hold.subject) for hold in [await journal.hold(hold) for hold in holds]}
            self.booked.set()
            while not self.leave.is_set():
                await self._look(journal, kept)
                await asyncio.sleep(LOOK_S)
        finally:
            await journal.close()

    async def _look(self, journal: Journal, kept: set[tuple[Scope, str]]) -> None:
        if self._door.is_shared:
            self.worker = self._door.worker()
            self.asked.set()
        found = [hold for hold in await journal.holds() if hold.code == ACKNOWLEDGED]
        self.acknowledged = {hold.scope for hold in found if (hold.scope, hold.subject) in kept}
