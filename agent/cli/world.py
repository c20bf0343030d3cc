"""Opening what a command works on, and closing it again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.bootstrap import Store, World, opened
from agent.cli.loading import load_definitions, settings_for
from agent.definitions.records import Definitions
from agent.domain.units import Timestamp
from agent.ports import Journal
from agent.settings import Settings
from agent.telemetry.logging import LogForm, configure

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Books:
    """The files, the journal, and the time by which jobs are due."""

    definitions: Definitions
    journal: Journal
    now: Timestamp


def with_world(
    config: Path | None,
    use: Callable[[World], Awaitable[Result]],
    *,
    keys: bool = False,
    with_jobs: bool = True,
) -> Result:
    """Open chains and journal beside a running worker, and return what `use` makes of them."""
    settings = settings_for(config)
    definitions = load_definitions(settings, with_jobs=with_jobs)
    return _with(settings, definitions, use, Store.SHARED, keys=keys)


def with_chains(
    settings: Settings, definitions: Definitions, use: Callable[[World], Awaitable[Result]]
) -> Result:
    """Open the chains alone, and return what `use` makes of them."""
    return _with(settings, definitions, use, Store.NONE, keys=False)


def with_books(config: Path | None, use: Callable[[Books], Awaitable[Result]]) -> Result:
    """Open the journal beside a running worker, and return what `use` makes of it."""

    async def with_time(world: World) -> Result:
        now = await world.services.clock.now()
        return await use(Books(world.definitions, world.services.journal, now))

    return with_world(config, with_time)


def _with(
    settings: Settings,
    definitions: Definitions,
    use: Callable[[World], Awaitable[Result]],
    store: Store,
    *,
    keys: bool,
) -> Result:
    # Retries of a node that is down are the worker's news; a command says at its end what failed.
    configure(level="error", form=LogForm(settings.log_format), mode=definitions.mode)

    async def run() -> Result:
        async with opened(settings, definitions, store=store, keys=keys) as world:
            return await use(world)

    return asyncio.run(run())
