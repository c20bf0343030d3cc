"""When the tasks of a burst begin, and how long the event loop stands still meanwhile."""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

HEARTBEAT_S = 0.001


@dataclass(frozen=True, slots=True)
class Burst:
    """The figures of one burst, in milliseconds after everything was due."""

    last_ms: float
    p99_ms: float
    stall_ms: float


class Heartbeat:
    """Notes the longest time for which the event loop kept a timer waiting."""

    def __init__(self) -> None:
        self.longest_stall_ms = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(HEARTBEAT_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(2 * HEARTBEAT_S)
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(HEARTBEAT_S)
            stall_ms = (time.perf_counter() - before - HEARTBEAT_S) * 1_000
            self.longest_stall_ms = max(self.longest_stall_ms, stall_ms)


class Starts:
    """Notes when each task began."""

    def __init__(self) -> None:
        self._due_at = 0.0
        self._after_ms: list[float] = []

    def due_now(self) -> None:
        """Start the clock."""
        self._due_at = time.perf_counter()

    def begun(self) -> None:
        """Note the beginning of a task, from inside it."""
        self._after_ms.append((time.perf_counter() - self._due_at) * 1_000)

    def __len__(self) -> int:
        return len(self._after_ms)

    def burst(self, expected: int, heartbeat: Heartbeat) -> Burst:
        """Return the figures; raise AssertionError unless every task began, and once."""
        assert len(self) == expected
        in_order = sorted(self._after_ms)
        return Burst(in_order[-1], in_order[expected * 99 // 100], heartbeat.longest_stall_ms)
