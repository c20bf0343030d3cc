"""Heads by websocket from a real node, and a worker that hears of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.head_stream import WebSocketHeads
from agent.adapters.json_rpc import JsonRpc
from agent.commands.doctor_endpoints import examine_stream
from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.domain.states import State
from agent.domain.units import ChainId
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import ChainContext
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.worker.drift import Sweep
from agent.worker.head_walk import HeadWalk, Moved
from agent.worker.observer import Observer
from agent.worker.worker import Worker
from tests.builders import ENTRY_POINT
from tests.integration.bare_node import NODE_CHAIN, node_url, session_node
from tests.integration.paying import due_jobs, paying
from tests.operator import an_operator

__all__ = ["node_url", "session_node"]
pytestmark = pytest.mark.devnet
WAIT_S = 90
NEVER_S = 3_600


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():
            await asyncio.sleep(0.01)


@dataclass
class Wire:
    """A TCP connection to a node that can be cut."""

    port: int
    url: str = ""
    connections: int = 0
    on_connection: Callable[[], None] = lambda: None
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.on_connection()
        node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._open += [writer, node_writer]
        await asyncio.gather(_pipe(reader, node_writer), _pipe(node_reader, writer))

    def cut(self) -> None:
        while self._open:
            self._open.pop().transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.transport.abort()


@asynccontextmanager
async def a_wire(url: str) -> AsyncIterator[Wire]:
    wire = Wire(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    wire.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await server.wait_closed()


async def test_a_node_rings_for_each_block_also_after_a_cut(node_url: str) -> None:
    rang = 0

    def ring() -> None:
        nonlocal rang
        rang += 1

    async with a_wire(node_url) as wire:
        stream = WebSocketHeads(wire.url, silence_s=WAIT_S, first_pause_s=0.01)
        was_live: list[bool] = []
        wire.on_connection = lambda: was_live.append(stream.is_live)
        following = asyncio.create_task(stream.follow(ring))
        try:
            await until(lambda: rang == 1)
            for count in range(2, 5):
                await rpc.call(node_url, "anvil_mine", "0x1")
                await until(lambda count=count: rang == count)  # type: ignore[misc] # no defaults in lambdas
            assert stream.is_live

            wire.cut()
            await until(lambda: wire.connections == 2 and rang == 5)
            # It knew that it was cut off, if only for the moment before it was back.
            assert was_live == [False, False]
            await rpc.call(node_url, "anvil_mine", "0x1")
            await until(lambda: rang == 6 and stream.is_live)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def test_the_doctor_looks_at_the_stream(node_url: str) -> None:
    async def found(chain_id: ChainId, url: str) -> list[tuple[str, str]]:
        async with JsonRpc(node_url) as node:
            reader = ChainRpc(chain_id, [node], finality_depth=2)
            stream = WebSocketHeads(url, silence_s=WAIT_S)
            here = ChainContext(reader, (), ENTRY_POINT, EntryPointVersion.V07, stream=stream)
            return [(str(one.level), one.message) for one in await examine_stream("chain", here)]

    url = node_url.replace("http", "ws")
    assert await found(NODE_CHAIN, url) == [("ok", "tells of new heads")]
    assert await found(ChainId(1), url) == [("fail", f"it serves chain {NODE_CHAIN}")]
    [(level, _)] = await found(NODE_CHAIN, "ws://127.0.0.1:9")
    assert level == "warn"


async def test_the_depth_of_a_reorg_is_told(node_url: str) -> None:
    async with JsonRpc(node_url) as node:
        reader = ChainRpc(NODE_CHAIN, [node], finality_depth=2)
        walk = HeadWalk(reader)
        for _ in range(12):
            await rpc.call(node_url, "anvil_mine", "0x1")
            await walk.to(await reader.block("latest"))
        before = walk.newest

        await rpc.call(node_url, "anvil_reorg", 5, [])
        await rpc.call(node_url, "anvil_mine", "0x1")
        head = await reader.block("latest")

        assert await walk.to(head) == Moved(head, before - 5)


async def test_a_payment_is_followed_to_its_end_without_a_poll(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent"]))
    config = operator.folder / "sessionkeeper.yaml"
    rpc_line = f'    rpc: "{devnet.rpc_url}"\n'
    stream_line = f'    rpc_ws: "{devnet.rpc_url.replace("http", "ws")}"\n'
    assert rpc_line in config.read_text()
    config.write_text(config.read_text().replace(rpc_line, rpc_line + stream_line))

    async with paying(operator) as world:
        services, metrics = world.world.services, Metrics("test", "live")
        sessions = tuple(world.world.definitions.sessions.values())
        sweeps = [Sweep(services, chain, sessions, metrics) for chain in world.world.chains.values()]
        observer = Observer(metrics)
        worker = Worker(services, world.world.jobs, sweeps, observer, Health(), tick_s=0.2, poll_s=NEVER_S)
        working = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(WAIT_S):
                while (await services.journal.occurrence(world.runs["rent"].id)).state is not State.FINAL_OK:
                    assert not working.done(), working.exception()
                    await asyncio.sleep(0.05)
        finally:
            worker.stop()
            await working

    heads = {
        source: metrics.registry.get_sample_value(
            "sessionkeeper_heads_total", {"chain": "31337", "source": source}
        )
        for source in ("stream", "poll")
    }
    assert heads["poll"] == 1
    assert (heads["stream"] or 0) >= 2
