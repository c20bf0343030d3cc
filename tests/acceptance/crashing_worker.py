"""The agent's worker, but it ends itself with SIGKILL at one step, or stops there until it is told to go on.

python -m tests.acceptance.crashing_worker -c FOLDER --step append --when during --nth 1
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.acceptance.crash_points import BEFORE, DURING, CrashPoint
from tests.acceptance.wrapped_worker import beside, run_wrapped

SEND_TAKES_S = 0.01
"""About half of what a send takes: the bundler may or may not have got it."""


class Fuse:
    """Counts the calls of one step and ends the process at the right one."""

    def __init__(self, point: CrashPoint, how: signal.Signals = signal.SIGKILL) -> None:
        self._point = point
        self._how = how
        self._calls = 0
        self._commit_kills = False
        event.listen(Engine, "commit", self._committing)

    async def burn(self, step: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - any port
        """Make the call, and die before it, in the middle of it or after it."""
        if step != self._point.step:
            return await call()
        self._calls += 1
        if self._calls != self._point.nth:
            return await call()
        if self._point.when == BEFORE:
            self._die()
            # Only who was stopped comes so far.
            return await call()
        if self._point.when == DURING:
            self._commit_kills = True
            if step == "send":
                asyncio.get_running_loop().call_later(SEND_TAKES_S, self._die)
        result = await call()
        self._die()
        return result

    def _die(self) -> None:
        os.kill(os.getpid(), self._how)

    def _committing(self, _connection: object) -> None:
        # Reads end with a commit too, on a thread of their own.
        if self._commit_kills and threading.current_thread().name == "journal-writer":
            self._die()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker until it dies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", dest="folder", type=Path, required=True)
    parser.add_argument("--step", required=True)
    parser.add_argument("--when", required=True)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--stop", action="store_true", help="SIGSTOP in place of SIGKILL")
    options = parser.parse_args(arguments)
    point = CrashPoint(options.step, options.when, options.nth)
    fuse = Fuse(point, signal.SIGSTOP if options.stop else signal.SIGKILL)
    return run_wrapped(options.folder, beside(fuse))


if __name__ == "__main__":
    sys.exit(main())
