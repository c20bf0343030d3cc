"""The worker as a service: start-up checks, the worker, its web side, and the order in which they end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from secrets import token_hex

import structlog

from agent.bootstrap import Store, World, Wrap, check_chains, opened
from agent.commands.kill_payloads import FOLDER, write_payloads
from agent.commands.session_load import (
    MAX_ASKED_AT_START,
    chain_verdicts,
    file_verdicts,
    require_all_fit,
)
from agent.commands.stops import names_nothing
from agent.commands.version import version
from agent.definitions.breaker_files import breaker_limits
from agent.definitions.records import Definitions
from agent.domain.hold import AllScope
from agent.domain.kill import KillOrder
from agent.pipeline.gate import Gate
from agent.settings import Settings, read_environment
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.telemetry.systemd import ServiceNotifier
from agent.web.app import create_app
from agent.web.serve import listen, serve
from agent.worker import Worker
from agent.worker.breakers import Breakers
from agent.worker.drift import Sweep
from agent.worker.enrol import enrol
from agent.worker.first_look import first_look
from agent.worker.kill_watch import KillWatch
from agent.worker.observer import Observer
from agent.worker.owners import with_known_owners
from agent.worker.paymaster_flags import PaymasterFlags
from agent.worker.rules import keep_rules
from agent.worker.watch import keep_watch

log = structlog.get_logger()
BY_SIGNAL = "a signal, SIGUSR1"
NAME_AGAIN = "nothing in the files has this name, so it stops nothing of theirs: compare it with status"


def unwrapped(world: World) -> World:
    """Put nothing in between."""
    return world


async def serve_worker(
    settings: Settings,
    definitions: Definitions,
    *,
    once: bool,
    on_started: Callable[[Callable[[], None]], None],
    on_killable: Callable[[Callable[[], None]], None] = lambda _: None,
    wrap: Wrap = unwrapped,
) -> None:
    """Run the worker until it is done or its stop (handed to `on_started`) is called.

    What is handed to `on_killable` stops everything at once, from a signal handler too.
    """
    metrics, health = Metrics(version().version, definitions.mode.value), Health()
    async with (
        opened(settings, definitions, store=Store.WORKER, keys=True) as plain,
        _stoppable(plain, metrics, health, on_killable),
    ):
        world = wrap(plain)
        # Whatever is decided from here on is decided by the journal.
        await plain.services.journal.verify()
        await check_chains(world)
        breakers = Breakers(world.services, breaker_limits(definitions), metrics)
        observer = Observer(metrics, breakers.saw)
        await first_look(world.services, world.chains, world.jobs, observer)
        await require_fit_sessions(plain)
        await enrol(world.services, world.jobs.values())
        jobs = await with_known_owners(world.jobs)
        sessions = tuple(definitions.sessions.values())
        flags = PaymasterFlags(plain.services, plain.chains, sessions)
        await flags.ask_first()
        services = replace(world.services, first_use=flags.known)
        sweeps = [Sweep(services, chain, sessions, metrics) for chain in world.chains.values()]
        worker = Worker(services, jobs, sweeps, observer, health)
        on_started(worker.stop)
        async with _web(settings, definitions, metrics, health):
            notifier = ServiceNotifier.of(read_environment())
            log.info(
                "started", jobs=len(world.jobs), chains=sorted(world.chains), mode=definitions.mode.value
            )
            notifier.ready(f"{len(world.jobs)} jobs")
            rules = partial(keep_rules, plain.services, plain.chains, definitions, metrics)
            async with (
                _beside(keep_watch(world.chains.values(), health, notifier, metrics), "watch"),
                _beside(_after_recovery(health, rules), "rules"),
                _beside(breakers.run(), "breakers"),
                _beside(_after_recovery(health, flags.ask_others), "paymaster flags"),
            ):
                await (worker.run_once() if once else worker.run())
            notifier.stopping()
    log.info("stopped")


@asynccontextmanager
async def _stoppable(
    world: World, metrics: Metrics, health: Health, on_killable: Callable[[Callable[[], None]], None]
) -> AsyncIterator[None]:
    """Heed the kill switch and the signal from here on, be the start-up checks over or not."""
    on_killable(partial(_kill_all, world.services.gate))
    async with _beside(_kill_watch(world, metrics, health).run(), "kill"):
        yield


def _kill_all(gate: Gate) -> None:
    gate.stop(KillOrder(AllScope(), token_hex(8), BY_SIGNAL))


def _kill_watch(world: World, metrics: Metrics, health: Health) -> KillWatch:
    folder = world.switch.place.parent / FOLDER

    def on_kill(orders: Sequence[KillOrder]) -> None:
        for order in orders:
            if names_nothing(order.scope, world.definitions):
                log.warning(
                    "kill_names_nothing", scope=str(order.scope), reason=order.reason, next=NAME_AGAIN
                )
        write_payloads(folder, world.definitions, [order.scope for order in orders])

    return KillWatch(world.services, world.switch, metrics, health, on_kill)


async def require_fit_sessions(world: World) -> None:
    """Refuse to start with a session that the rules refuse; raise SessionsUnfit with every finding.

    The files come first; of few sessions the chain is asked too, of many `keep_rules` asks it at once.
    """
    now = await world.services.clock.now()
    require_all_fit(file_verdicts(world.definitions, now))
    asked = chain_verdicts(world.definitions, world.chains, now, MAX_ASKED_AT_START)
    require_all_fit([found async for found in asked])


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


async def _after_recovery(health: Health, work: Callable[[], Awaitable[None]]) -> None:
    """Leave node and processor to what is in flight first: reading thousands of sessions takes its time."""
    await health.until_recovered()
    await work()


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run a task while the body runs."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
