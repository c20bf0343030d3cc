"""Beside the work: probe the bundlers, and tell the service manager that the worker lives."""

import asyncio
from collections.abc import Iterable, Sequence

from agent.domain.errors import AgentError
from agent.pipeline.context import ChainContext
from agent.ports import Bundler
from agent.telemetry.health import Health
from agent.telemetry.systemd import ServiceNotifier

PROBE_S = 15.0


async def keep_watch(chains: Iterable[ChainContext], health: Health, notifier: ServiceNotifier) -> None:
    """Probe the bundlers and feed the watchdog until cancelled; a stalled worker is not vouched for."""
    watched = tuple(chains)
    for chain in watched:
        health.needs(f"chain {chain.reader.chain_id}", f"bundler {chain.reader.chain_id}")
    interval_s = min(PROBE_S, notifier.watchdog_s or PROBE_S)
    while True:
        for chain in watched:
            await probe(chain, health)
        if health.liveness().ok:
            notifier.alive()
        await asyncio.sleep(interval_s)


async def probe(chain: ChainContext, health: Health) -> None:
    """Note whether any bundler of the chain answers and takes operations for its EntryPoint."""
    name = f"bundler {chain.reader.chain_id}"
    problems = [await _problem(bundler, chain) for bundler in chain.bundlers]
    if all(problems):
        health.failed(name, "; ".join(problems))
    else:
        health.answered(name)


async def _problem(bundler: Bundler, chain: ChainContext) -> str:
    try:
        supported: Sequence[object] = await bundler.supported_entry_points()
    except AgentError as error:
        return str(error)
    return "" if chain.entry_point in supported else f"{bundler.name} lacks EntryPoint {chain.entry_point}"
