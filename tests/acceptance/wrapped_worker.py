"""The agent's worker with something between it and its world."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Protocol

from agent.bootstrap import World, Wrap
from agent.cli.exit_codes import exit_code
from agent.cli.loading import load_definitions, settings_for
from agent.domain.errors import AgentError
from agent.pipeline.context import ChainContext
from agent.ports import Bundler, ChainReader, Journal
from agent.service import serve_worker
from agent.telemetry.logging import LogForm, configure
from tests.acceptance.crash_points import step_of


class Watcher(Protocol):
    """Stands beside every call of the ports."""

    async def burn(self, step: str, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - any port
        """Make the call, and whatever else."""


class Watched:
    """Stands before a port and lets somebody stand beside every call of it."""

    def __init__(self, port: object, watcher: Watcher) -> None:
        self._port = port
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of any port
        method = getattr(self._port, name)
        if not iscoroutinefunction(method):
            return method

        async def call(*arguments: object, **named: object) -> object:
            return await self._watcher.burn(step_of(name, arguments), lambda: method(*arguments, **named))

        return call


def beside(watcher: Watcher) -> Wrap:
    """Return what puts somebody beside every call of the journal, the bundlers and the chains of a world."""

    def watched(world: World) -> World:
        journal: Journal = Watched(world.services.journal, watcher)
        chains = {number: _watched_chain(context, watcher) for number, context in world.chains.items()}
        jobs = {name: replace(job, chain=chains[job.definition.chain_id]) for name, job in world.jobs.items()}
        return replace(world, services=replace(world.services, journal=journal), chains=chains, jobs=jobs)

    return watched


def _watched_chain(context: ChainContext, watcher: Watcher) -> ChainContext:
    reader: ChainReader = Watched(context.reader, watcher)
    bundlers: tuple[Bundler, ...] = tuple(Watched(bundler, watcher) for bundler in context.bundlers)
    return replace(context, reader=reader, bundlers=bundlers)


def run_wrapped(folder: Path, wrap: Wrap) -> int:
    """Run the worker until it ends and return its exit code."""
    settings = settings_for(folder)
    configure(level="info", form=LogForm.JSON, mode="live")
    worker = serve_worker(
        settings, load_definitions(settings), once=False, on_started=lambda _: None, wrap=wrap
    )
    try:
        asyncio.run(worker)
    except AgentError as error:
        print(error.code, error)
        return exit_code(error)
    return 0
