"""When the head of a chain is asked for: as its stream says, and whatever its stream says."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import WallClock
from agent.adapters.json_rpc import Json, JsonRpc
from agent.adapters.memory import MemoryJournal
from agent.devnet import rpc
from agent.domain.units import ChainId
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.context import ChainContext, Services
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from agent.worker.heads import POLL, STREAM, Heads
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from agent.worker.watcher import Watcher
from tests.builders import ENTRY_POINT
from tests.integration.bare_node import NODE_CHAIN, node_url, session_node

__all__ = ["node_url", "session_node"]
pytestmark = pytest.mark.devnet


class Counting(JsonRpc):
    """A node's client that counts what it asks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: Counter[str] = Counter()

    async def request(self, method: str, params: Sequence[Json] = ()) -> Json:
        self.asked[method] += 1
        return await super().request(method, params)


@dataclass
class Stream:
    """One that is live or not, as a test says."""

    is_live: bool = True
    name: str = "stream"

    async def check(self) -> ChainId:
        raise AssertionError("nobody checks it here")

    async def follow(self, wake: Callable[[], None]) -> None:
        raise AssertionError("nobody follows it here")


@dataclass
class Scene:
    """A chain's heads, and what was asked for them."""

    url: str
    heads: Heads
    stream: Stream
    node: Counting
    metrics: Metrics

    async def mine(self) -> None:
        await rpc.call(self.url, "anvil_mine", "0x1")

    async def asks(self) -> bool:
        """Poll once; return whether the node was asked for anything."""
        before = self.node.asked.total()
        await self.heads.poll()
        return self.node.asked.total() > before

    def moved(self, source: str) -> float:
        labels = {"chain": str(NODE_CHAIN), "source": source}
        return self.metrics.registry.get_sample_value("sessionkeeper_heads_total", labels) or 0

    def reorgs(self) -> tuple[float | None, float | None]:
        """Return how many there were, and how many blocks they took in all."""
        name, labels = "sessionkeeper_reorg_depth_blocks", {"chain": str(NODE_CHAIN)}
        registry = self.metrics.registry
        return registry.get_sample_value(f"{name}_count", labels), registry.get_sample_value(
            f"{name}_sum", labels
        )


@pytest_asyncio.fixture
async def scene(node_url: str) -> AsyncIterator[Scene]:
    services, metrics, stream = Services(MemoryJournal(), WallClock()), Metrics("test", "live"), Stream()
    async with Counting(node_url) as node:
        reader = ChainRpc(NODE_CHAIN, [node], finality_depth=2)
        chain = ChainContext(reader, (), ENTRY_POINT, EntryPointVersion.V07, stream=stream)
        board, observer = Board(), Observer(metrics)
        lanes = Lanes(services, {}, board, observer)
        watcher = Watcher(services, chain, (), board.put, metrics)
        heads = Heads(services, watcher, {}, board, lanes, observer, Health())
        yield Scene(node_url, heads, stream, node, metrics)


async def test_while_a_stream_speaks_nobody_polls(scene: Scene) -> None:
    assert await scene.asks()
    assert not await scene.asks()

    scene.stream.is_live = False
    assert await scene.asks()

    scene.stream.is_live = True
    await scene.mine()
    await scene.heads.look(STREAM)
    assert not await scene.asks()
    assert (scene.moved(POLL), scene.moved(STREAM)) == (1, 1)


async def test_a_stream_that_rings_for_nothing_only_has_the_head_polled(scene: Scene) -> None:
    await scene.heads.poll()
    await scene.heads.look(STREAM)

    assert await scene.asks()
    assert await scene.asks()
    assert scene.moved(STREAM) == 0

    await scene.mine()
    assert await scene.asks()
    assert scene.moved(POLL) == 2
    assert not await scene.asks()


async def test_a_chain_that_did_not_answer_is_asked_again_whatever_the_stream_says(scene: Scene) -> None:
    await scene.heads.poll()
    before = await rpc.call(scene.url, "evm_snapshot")
    await scene.mine()
    await scene.heads.look(STREAM)
    await rpc.call(scene.url, "evm_revert", before)

    # The only node is behind the head that was acted on.
    await scene.heads.look(STREAM)
    assert await scene.asks()
    await scene.mine()
    assert await scene.asks()
    assert not await scene.asks()


async def test_reorgs_are_counted_with_their_depth(scene: Scene) -> None:
    for _ in range(6):
        await scene.mine()
        await scene.heads.look(STREAM)
    assert scene.reorgs() == (None, None)

    await rpc.call(scene.url, "anvil_reorg", 4, [])
    await scene.mine()
    await scene.heads.look(STREAM)

    assert scene.reorgs() == (1, 4)
