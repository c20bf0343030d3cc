"""Beside the work: look after nodes and bundlers, and tell the service manager that the worker lives."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from agent.domain.errors import AgentError, ChainUnavailable
from agent.pipeline.context import ChainContext
from agent.ports import Bundler
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.telemetry.systemd import ServiceNotifier

log = structlog.get_logger()
PROBE_S = 15.0


async def keep_watch(
    chains: Iterable[ChainContext], health: Health, notifier: ServiceNotifier, metrics: Metrics
) -> None:
    """Probe nodes and bundlers and feed the watchdog until cancelled; a stalled worker is not vouched for."""
    watched = tuple(chains)
    for chain in watched:
        health.needs(f"chain {chain.reader.chain_id}", f"bundler {chain.reader.chain_id}")
    interval_s = min(PROBE_S, notifier.watchdog_s or PROBE_S)
    out: set[str] = set()
    while True:
        for chain in watched:
            await probe(chain, health)
            out = _told(chain, metrics, out)
        if health.liveness().ok:
            notifier.alive()
        await asyncio.sleep(interval_s)


async def probe(chain: ChainContext, health: Health) -> None:
    """Ask every node and bundler of the chain, also those that are out: their answers bring them back.

    Notes whether any bundler answers and takes operations for the chain's EntryPoint.
    """
    name = f"bundler {chain.reader.chain_id}"
    bundlers = chain.endpoints.bundlers.values() or chain.bundlers
    problems = [await _problem(bundler, chain) for bundler in bundlers]
    if all(problems):
        health.failed(name, "; ".join(problems))
    else:
        health.answered(name)
    heads = [node.block("latest") for node in chain.endpoints.nodes.values()]
    for outcome in await asyncio.gather(*heads, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, ChainUnavailable):
            raise outcome


async def _problem(bundler: Bundler, chain: ChainContext) -> str:
    try:
        supported: Sequence[object] = await bundler.supported_entry_points()
    except AgentError as error:
        return str(error)
    return "" if chain.entry_point in supported else f"{bundler.name} lacks EntryPoint {chain.entry_point}"


def _told(chain: ChainContext, metrics: Metrics, out: set[str]) -> set[str]:
    """Show how every endpoint stands, log which left and came back, and return who is out now."""
    number = chain.reader.chain_id
    for standing in chain.endpoints.standings():
        endpoint = f"{number} {standing.kind} {standing.name}"
        metrics.endpoint_observed(
            (str(number), standing.kind, standing.name),
            healthy=standing.healthy,
            failures=standing.failures,
            dissents=standing.dissents,
        )
        shown = {"chain": number, "kind": standing.kind, "endpoint": standing.name}
        if not standing.healthy and endpoint not in out:
            log.warning("endpoint_out", **shown, reason=standing.why)
            out = out | {endpoint}
        elif standing.healthy and endpoint in out:
            log.info("endpoint_back", **shown)
            out = out - {endpoint}
    return out
