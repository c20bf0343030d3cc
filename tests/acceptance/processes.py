"""Worker processes, forked from a server that has imported the agent already.

Each is a process of its own that runs the real command line; only the two seconds that Python takes to import
the agent are saved.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PRELOADED = ["agent.cli.root", "agent.cli.run", "agent.service", "agent.adapters.sql.schema", __name__]
PR_SET_PDEATHSIG = 1
END_TIMEOUT_S = 10.0
Main = Callable[[Sequence[str]], int]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([*PRELOADED, "tests.acceptance.crashing_worker"])


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


def _run(main: Main, arguments: list[str], log_file: Path) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for name in [name for name in os.environ if name.startswith("SESSIONKEEPER_")]:
        del os.environ[name]
    sys.exit(main(arguments))
