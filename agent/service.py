"""The worker as a service: start-up checks, the worker, its web side, and the order in which they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog

from agent.bootstrap import Store, World, Wrap, check_chains, opened
from agent.commands.session_lint import Surroundings, verdict
from agent.commands.version import version
from agent.definitions.records import Definitions
from agent.domain.units import Timestamp
from agent.settings import Settings, read_environment
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.telemetry.systemd import ServiceNotifier
from agent.web.app import create_app
from agent.web.serve import listen, serve
from agent.worker import Worker
from agent.worker.enrol import enrol
from agent.worker.observer import Observer
from agent.worker.owners import with_known_owners
from agent.worker.watch import keep_watch

log = structlog.get_logger()


MAX_SESSIONS_AT_START = 1_000
"""More would keep payments waiting for seconds; a command looks at them at leisure."""


def unwrapped(world: World) -> World:
    """Put nothing in between."""
    return world


async def serve_worker(
    settings: Settings,
    definitions: Definitions,
    *,
    once: bool,
    on_started: Callable[[Callable[[], None]], None],
    wrap: Wrap = unwrapped,
) -> None:
    """Run the worker until it is done or its stop (handed to `on_started`) is called."""
    metrics, health = Metrics(version().version, definitions.mode.value), Health()
    async with opened(settings, definitions, store=Store.WORKER, keys=True) as plain:
        world = wrap(plain)
        await check_chains(world)
        warn_of_sessions(definitions, await world.services.clock.now())
        await enrol(world.services, world.jobs.values())
        jobs = await with_known_owners(world.jobs)
        worker = Worker(world.services, jobs, tuple(world.chains.values()), Observer(metrics), health)
        on_started(worker.stop)
        async with _web(settings, definitions, metrics, health):
            notifier = ServiceNotifier.of(read_environment())
            log.info(
                "started", jobs=len(world.jobs), chains=sorted(world.chains), mode=definitions.mode.value
            )
            notifier.ready(f"{len(world.jobs)} jobs")
            async with _beside(keep_watch(world.chains.values(), health, notifier), "watch"):
                await (worker.run_once() if once else worker.run())
            notifier.stopping()
    log.info("stopped")


def warn_of_sessions(definitions: Definitions, now: Timestamp) -> None:
    """Log what the lint rules refuse in the sessions that jobs use; `sessions lint` asks the chain too."""
    around = Surroundings(definitions)
    used = [session for session in definitions.sessions.values() if session.name in around.jobs]
    if len(used) > MAX_SESSIONS_AT_START:
        log.warning("session_rules_postponed", sessions=len(used), next="sessionkeeper sessions lint --all")
        return
    for session in used:
        for item in verdict(around, session, now).refusals:
            log.warning("session_unfit", session=session.name, rule=item.rule, finding=item.sentence)


@asynccontextmanager
async def _web(
    settings: Settings, definitions: Definitions, metrics: Metrics, health: Health
) -> AsyncIterator[None]:
    web = definitions.web
    host = web.host if settings.web_host is None else settings.web_host
    port = web.port if settings.web_port is None else settings.web_port
    if port == 0:
        yield
        return
    listener = listen(host, port, allow_remote=web.allow_remote or settings.web_allow_remote)
    async with _beside(serve(create_app(metrics, health), listener), "web"):
        yield


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run a task while the body runs."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
