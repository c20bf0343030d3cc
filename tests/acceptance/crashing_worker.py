"""The agent's worker, but it ends itself with SIGKILL at one step.

python -m tests.acceptance.crashing_worker -c FOLDER --step append --when during --nth 1
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.pipeline.context import ChainContext, Services
from agent.ports import Bundler, ChainReader, Journal
from agent.service import serve_worker
from agent.telemetry.logging import LogForm, configure
from tests.acceptance.crash_points import BEFORE, DURING, CrashPoint, step_of

SEND_TAKES_S = 0.01
"""About half of what a send takes: the bundler may or may not have got it."""


class Fuse:
    """Counts the calls of one step and ends the process at the right one."""

    def __init__(self, point: CrashPoint) -> None:
        self._point = point
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
            die()
        if self._point.when == DURING:
            self._commit_kills = True
            if step == "send":
                asyncio.get_running_loop().call_later(SEND_TAKES_S, die)
        await call()
        die()
        raise AssertionError("dead by now")

    def _committing(self, _connection: object) -> None:
        # Reads end with a commit too, on a thread of their own.
        if self._commit_kills and threading.current_thread().name == "journal-writer":
            die()


class Mined:
    """Stands before a port and puts the fuse to every call of it."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of any port
        method = getattr(self._port, name)
        if not iscoroutinefunction(method):
            return method

        async def call(*arguments: object, **named: object) -> object:
            return await self._fuse.burn(step_of(name, arguments), lambda: method(*arguments, **named))

        return call


def wrap(fuse: Fuse) -> Callable[[World], World]:
    """Return what puts the fuse to the journal, the bundlers and the chains of a world."""

    def mine(world: World) -> World:
        journal: Journal = Mined(world.services.journal, fuse)
        chains = {number: _mined_chain(context, fuse) for number, context in world.chains.items()}
        jobs = {name: replace(job, chain=chains[job.definition.chain_id]) for name, job in world.jobs.items()}
        return replace(world, services=Services(journal, world.services.clock), chains=chains, jobs=jobs)

    return mine


def _mined_chain(context: ChainContext, fuse: Fuse) -> ChainContext:
    reader: ChainReader = Mined(context.reader, fuse)
    bundlers: tuple[Bundler, ...] = tuple(Mined(bundler, fuse) for bundler in context.bundlers)
    return replace(context, reader=reader, bundlers=bundlers)


def die() -> None:
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker until it dies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", dest="folder", type=Path, required=True)
    parser.add_argument("--step", required=True)
    parser.add_argument("--when", required=True)
    parser.add_argument("--nth", type=int, default=1)
    options = parser.parse_args(arguments)
    point = CrashPoint(options.step, options.when, options.nth)
    settings = settings_for(options.folder)
    configure(level="info", form=LogForm.JSON, mode="live")
    worker = serve_worker(
        settings,
        load_definitions(settings),
        once=False,
        on_started=lambda _: None,
        wrap=wrap(Fuse(point)),
    )
    asyncio.run(worker)
    return 0


if __name__ == "__main__":
    sys.exit(main())
