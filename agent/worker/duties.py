"""Performing the worker's duties by the clock, each at most once at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler


@dataclass(frozen=True, slots=True)
class Duty:
    """What the worker does again and again; `every_s` are wall seconds."""

    name: str
    every_s: float
    perform: Callable[[], Awaitable[None]]
    at_once: bool = False
    """Whether the first time is now."""


class Duties:
    """Performs duties at their intervals, from `start` to `stop`."""

    def __init__(self, duties: Sequence[Duty]) -> None:
        self._duties = duties
        self._under_way: set[str] = set()
        self._ends = False
        # The defaults would skip a late run in silence. Two at once, the second of which returns: of one that
        # is refused the scheduler warns every time, while a node is slow several times a second.
        self._scheduler = AsyncIOScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 2}
        )

    def start(self) -> None:
        """Begin."""
        for duty in self._duties:
            first = {"next_run_time": datetime.now(UTC)} if duty.at_once else {}
            self._scheduler.add_job(
                self._perform, "interval", [duty], seconds=duty.every_s, id=duty.name, **first
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more, and end what is under way: a duty can be ended at any moment."""
        self._ends = True
        self._scheduler.shutdown(wait=False)

    async def _perform(self, duty: Duty) -> None:
        if duty.name in self._under_way:
            return
        self._under_way.add(duty.name)
        try:
            await duty.perform()
        except asyncio.CancelledError:
            # The scheduler would report it as a failure.
            if not self._ends:
                raise
        finally:
            self._under_way.discard(duty.name)
