"""Runs the agent's own commands as processes, as an operator does, and reads what its worker logs."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.demo.files import DemoFolder
from agent.devnet.errors import DevnetError
from agent.devnet.processes import Program, running_program

AGENT = (sys.executable, "-m", "agent")
POLL_S = 0.05
WORKER_TIMEOUT_S = 60.0


class DemoFailed(DevnetError):
    """The demo did not show what it promises."""

    code = "demo_failed"
    remedy = "please report it, with the folder's worker.log"


@dataclass(frozen=True, slots=True)
class Agent:
    """The commands on one folder, in one environment."""

    folder: DemoFolder
    environment: Mapping[str, str]

    async def answer(self, *words: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """Run a command with --json and return its document; raise DemoFailed with what it said."""
        process = await asyncio.create_subprocess_exec(
            *AGENT,
            *words,
            "--config",
            str(self.folder.path),
            "--json",
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise DemoFailed(
                f"sessionkeeper {' '.join(words)} ended with {process.returncode}: {errors.decode()}"
            )
        return json.loads(out)

    @contextmanager
    def worker(self) -> Iterator["Worker"]:
        """Run `sessionkeeper run` until the block ends."""
        command = [*AGENT, "run", "--config", str(self.folder.path)]
        environment = {**self.environment, "SESSIONKEEPER_LOG_FORMAT": "json"}
        log_file = self.folder.log_file
        start = log_file.stat().st_size if log_file.exists() else 0
        with running_program("worker", command, log_file, environment) as program:
            yield Worker(program, start)


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker, known by its log alone."""

    program: Program
    log_start: int
    """Where its own lines begin in the log file."""

    async def until_started(self) -> None:
        """Wait until it has recovered."""
        await self.until(lambda: any(line["event"] == "recovered" for line in self._lines()), "its start")

    async def until_state(self, job: str, slot: str, *states: str) -> str:
        """Wait until the newest logged state of a run is one of these, and return it."""
        what = f"{job} {slot} to be {' or '.join(states)}"
        await self.until(lambda: self._state(job, slot) in states, what)
        return self._state(job, slot) or ""

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for a condition; raise DemoFailed with its last words when it ends or the time is over."""
        try:
            async with asyncio.timeout(WORKER_TIMEOUT_S):
                while not happened():
                    if self.program.process.poll() is not None:
                        raise DemoFailed(
                            f"the worker ended, waiting for {what}:\n{self.program.last_output()}"
                        )
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            last = self.program.last_output()
            raise DemoFailed(f"after {WORKER_TIMEOUT_S} s still waiting for {what}:\n{last}") from None

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.program.process.kill()
        self.program.process.wait()

    def has_logged(self, event: str, job: str) -> bool:
        """Tell whether a line of this event and job is in the log."""
        return any(line["event"] == event and line.get("job") == job for line in self._lines())

    def _state(self, job: str, slot: str) -> str | None:
        states = [
            line["state"]
            for line in self._lines()
            if (line.get("job"), line.get("slot")) == (job, slot) and "state" in line
        ]
        return states[-1] if states else None

    def _lines(self) -> list[dict[str, Any]]:
        return logged(self.program.log_file, self.log_start)


def logged(log_file: Path, start: int = 0) -> list[dict[str, Any]]:
    """Return the events in a worker's log from this byte on."""
    text = log_file.read_bytes()[start:] if log_file.exists() else b""
    # The last line may be half written.
    return [json.loads(line) for line in text.split(b"\n")[:-1] if line.startswith(b"{")]
