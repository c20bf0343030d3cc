"""Run a local chain until somebody stops it."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any

from agent.devnet.defi.listing import listed_market
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.errors import DevnetError
from agent.devnet.options import DevnetOptions
from agent.devnet.paymaster_server import running_paymasters
from agent.devnet.paymasters import PaymasterKind
from agent.devnet.records import document, recorded
from agent.domain.units import Address

WATCH_S = 0.5


async def serve(options: DevnetOptions, announce: Callable[[dict[str, Any]], None]) -> signal.Signals:
    """Run until SIGINT or SIGTERM and return which; raise DevnetError when a program ends by itself."""
    running = asyncio.create_task(_run(options, announce))
    caught: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        # A second one must not interrupt the clean-up that the first began.
        if not caught:
            caught.append(number)
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await running
    except asyncio.CancelledError:
        return caught[0]
    raise AssertionError("a chain runs until it is cancelled")


async def _run(options: DevnetOptions, announce: Callable[[dict[str, Any]], None]) -> None:
    async with running_devnet(options) as devnet, running_paymasters(devnet) as paymasters:
        market = await listed_market(devnet) if options.with_market else {}
        facts = {**document(devnet), "paymasters": _paymasters(paymasters), "market": market}
        with recorded(devnet, facts, options.build_dir):
            announce(facts)
            while not (ended := _ended(devnet)):  # noqa: ASYNC110 - a process gives no event
                await asyncio.sleep(WATCH_S)
    raise DevnetError(f"{' and '.join(ended)} ended; what it printed is in {devnet.log_folder}")


def _paymasters(found: Mapping[PaymasterKind, tuple[Address, str]]) -> dict[str, dict[str, str]]:
    return {kind.value: {"address": str(address), "url": url} for kind, (address, url) in found.items()}


def _ended(devnet: Devnet) -> list[str]:
    return [name for name, process in devnet.programs.items() if not process.is_alive]
