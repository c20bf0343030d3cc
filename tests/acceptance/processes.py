"""Worker processes, forked from a server that has imported the agent already.

Each is a process of its own that runs the real command line; only the two seconds that Python takes to import
the agent are saved.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

COMMAND = ["agent.cli.root", "agent.cli.run", "agent.cli.signals", "agent.service", "agent.chains"]
STORE = ["agent.adapters.sql.schema", "alembic.command", "sqlalchemy.dialects.sqlite"]
PRELOADED = [*COMMAND, *STORE, __name__]
PR_SET_PDEATHSIG = 1
END_TIMEOUT_S = 60.0
Main = Callable[[Sequence[str]], int]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([*PRELOADED, "tests.acceptance.crashing_worker", "tests.pace"])


@contextmanager
def forked(main: Main, arguments: Sequence[str], log_file: Path) -> Iterator[ForkServerProcess]:
    """Run `main` in a process of its own until the block ends, its output in `log_file`."""
    process = _forks.Process(target=_run, args=(main, list(arguments), log_file), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(END_TIMEOUT_S)
        if process.exitcode is None:
            process.kill()
            process.join()


async def ended(process: ForkServerProcess, timeout_s: float) -> bool:
    """Wait until a process is gone; False when the time is over before."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, gone.set)
    try:
        async with asyncio.timeout(timeout_s):
            await gone.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    # What it ends with is told right after.
    process.join()
    return True


def _run(main: Main, arguments: list[str], log_file: Path) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for name in [name for name in os.environ if name.startswith("SESSIONKEEPER_")]:
        del os.environ[name]
    sys.exit(main(arguments))
