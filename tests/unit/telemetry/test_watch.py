import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from agent.adapters.bundler_rpc import BundlerRpc
from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import JsonRpc
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import ChainContext
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.telemetry.systemd import ServiceNotifier
from agent.worker.watch import keep_watch, probe
from tests.builders import CHAIN_ID, ENTRY_POINT

NOBODY = "http://127.0.0.1:9"


def a_chain_with_silent_bundlers() -> ChainContext:
    bundlers = tuple(BundlerRpc(JsonRpc(NOBODY), EntryPointVersion.V07) for _ in range(2))
    return ChainContext(ChainRpc(CHAIN_ID, [JsonRpc(NOBODY)]), bundlers, ENTRY_POINT, EntryPointVersion.V07)


async def closed(chain: ChainContext) -> None:
    for bundler in chain.bundlers:
        assert isinstance(bundler, BundlerRpc)
        await bundler.close()
    assert isinstance(chain.reader, ChainRpc)
    await chain.reader.close()


async def test_worker_is_not_ready_while_no_bundler_of_a_chain_answers() -> None:
    health = Health()
    chain = a_chain_with_silent_bundlers()

    await probe(chain, health)
    await closed(chain)

    assert "127.0.0.1" in health.readiness().checks["bundler 31337"]


async def test_watchdog_hears_of_a_worker_that_ticks_and_not_of_one_that_stands(tmp_path: Path) -> None:
    at = 0.0
    health = Health(tick_timeout_s=10, now=lambda: at)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)
        notifier = ServiceNotifier(str(tmp_path / "notify"), "20000")
        watching = asyncio.create_task(keep_watch([], health, notifier, Metrics("0", "test")))

        async with asyncio.timeout(60):
            heard = await asyncio.get_running_loop().sock_recv(manager, 100)
        at = 60.0
        await asyncio.sleep(0.1)
        drained(manager)
        await asyncio.sleep(0.1)

        assert heard == b"WATCHDOG=1"
        assert drained(manager) == 0
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def drained(manager: socket.socket) -> int:
    count = 0
    with suppress(BlockingIOError):
        while manager.recv(100):
            count += 1
    return count
