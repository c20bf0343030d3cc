"""Start programs that cannot outlive this one, and end them by id."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.devnet.errors import DevnetError

PR_SET_PDEATHSIG = 1
END_TIMEOUT_S = 5.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Program:
    """A started program: its name, its process and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    async def until_ready(self, is_ready: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Ask until the program answers; raise DevnetError when it ended or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not await is_ready():
            if self.process.poll() is not None:
                code = self.process.returncode
                raise DevnetError(f"{self.name} ended with code {code}:\n{self.last_output()}")
            if time.monotonic() > deadline:
                raise DevnetError(f"{self.name} is not ready after {timeout_s} s:\n{self.last_output()}")
            await asyncio.sleep(POLL_S)

    def last_output(self) -> str:
        """Return the end of what the program printed."""
        return self.log_file.read_text(errors="replace")[-2000:]


@contextmanager
def running_program(
    name: str,
    command: Sequence[str | Path],
    log_file: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a program in a process group of its own, its output in `log_file`; end the group on exit."""
    with log_file.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_end_with_parent(),  # noqa: PLW1509 - it makes two system calls and no more
        )
    try:
        yield Program(name=name, process=process, log_file=log_file)
    finally:
        _end(process)


def free_port(wanted: int | None = None) -> int:
    """Return the wanted TCP port, or one the kernel picks; raise DevnetError when somebody listens on it."""
    with held_port(wanted) as port:
        return port


@contextmanager
def held_port(wanted: int | None = None) -> Iterator[int]:
    """Give a port as `free_port` does; until the block ends the kernel picks it for nobody else."""
    with socket.socket() as probe:
        # As servers do it: a connection that lingers after its server is no obstacle, nor is this one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise DevnetError(f"port {wanted} is taken: choose another, or none to get a free one") from error
        port = int(probe.getsockname()[1])
        if sys.platform != "linux":
            # Elsewhere nobody can listen on what is held.
            probe.close()
        yield port


def _end(process: subprocess.Popen[bytes]) -> None:
    # Blocking on purpose: a second Ctrl-C must not find a half-ended group.
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _end_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def set_death_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return set_death_signal
