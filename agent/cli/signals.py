"""SIGINT and SIGTERM: the first drains, the second ends at once. SIGUSR1: everything is killed."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Self

from agent.cli.exit_codes import ExitCode
from agent.cli.output import say

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Stopping:
    """Turns signals into one call of the worker's stop, and into the exit code."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop: Callable[[], None] | None = None
        self._kill: Callable[[], None] | None = None
        self._is_killed = False
        self._before: dict[int, object] = {}
        self.exit_code: int = ExitCode.OK

    def __enter__(self) -> Self:
        for number in _CODES:
            self._before[number] = signal.signal(number, self._received)
        self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._received_kill)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself gave back

    def when_asked(self, stop: Callable[[], None]) -> None:
        """Call `stop` in the loop when a signal comes, or now when one came already."""
        self._stop = stop
        if self.exit_code:
            stop()

    def when_killed(self, kill: Callable[[], None]) -> None:
        """Call `kill` when SIGUSR1 comes, right in its handler, or now when it came already."""
        self._kill = kill
        if self._is_killed:
            kill()

    def _received_kill(self, _number: int, _frame: FrameType | None) -> None:
        self._is_killed = True
        if self._kill is not None:
            # Not by the loop: it may be busy, and whatever it does next has to find the gate shut.
            self._kill()

    def _received(self, number: int, _frame: FrameType | None) -> None:
        code = _CODES[signal.Signals(number)]
        if self.exit_code:
            # The journal is consistent at every moment: leaving now loses nothing.
            os._exit(code)
        self.exit_code = code
        say("draining; once more to leave at once")
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop)
