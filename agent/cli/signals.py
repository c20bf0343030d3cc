"""SIGINT and SIGTERM: the first drains, the second ends at once."""

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
        self._before: dict[int, object] = {}
        self.exit_code: int = ExitCode.OK

    def __enter__(self) -> Self:
        for number in _CODES:
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself gave back

    def when_asked(self, stop: Callable[[], None]) -> None:
        """Call `stop` in the loop when a signal comes, or now when one came already."""
        self._stop = stop
        if self.exit_code:
            stop()

    def _received(self, number: int, _frame: FrameType | None) -> None:
        code = _CODES[signal.Signals(number)]
        if self.exit_code:
            # The journal is consistent at every moment: leaving now loses nothing.
            os._exit(code)
        self.exit_code = code
        say("draining; once more to leave at once")
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop)
