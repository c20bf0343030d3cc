"""Reads of a whole chain in a few calls, on a real node."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from agent.adapters.agreed_reader import AgreedReader
from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import Json, JsonRpc, PackedRequest, RpcFailure
from agent.adapters.node_rpc import NodeRpc
from agent.devnet import rpc
from agent.devnet.addresses import MULTICALL3
from agent.domain.errors import ChainUnavailable
from agent.domain.evaluation import Read
from agent.ports import ChainReader, ReadBatch
from tests.integration.bare_node import (
    BURNS,
    ECHO,
    HEAVY,
    NO_CODE,
    NODE_CHAIN,
    REVERTS,
    a_node,
    node_url,
    session_node,
    slot,
    store,
)

__all__ = ["node_url", "session_node"]
pytestmark = pytest.mark.devnet

MANY = 10_000
GAS_CAP = 50_000_000


class Counting(JsonRpc):
    """A node's client that counts what it asks."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: Counter[str] = Counter()

    async def request(self, method: str, params: Sequence[Json] = ()) -> Json:
        self.asked[method] += 1
        return await super().request(method, params)

    async def request_packed(self, request: PackedRequest, last: bytes) -> Json:
        self.asked[request.method] += 1
        return await super().request_packed(request, last)


class WithoutHashes(Counting):
    """One of a node that knows blocks by their numbers alone."""

    async def request_packed(self, request: PackedRequest, last: bytes) -> Json:
        if last.startswith(b"{"):
            raise RpcFailure(-32602, "invalid argument 1: cannot unmarshal object into string")
        return await super().request_packed(request, last)


@pytest_asyncio.fixture
async def node(node_url: str) -> AsyncIterator[Counting]:
    async with Counting(node_url) as client:
        yield client


def a_reader(*nodes: JsonRpc, multicall: bool = True) -> ChainRpc:
    return ChainRpc(
        NODE_CHAIN, nodes, multicall=MULTICALL3 if multicall else None, call_gas=GAS_CAP, finality_depth=2
    )


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


async def at_head(reader: ChainReader, batch: ReadBatch) -> tuple[list[bytes | None], list[int]]:
    answers = await batch.at(await reader.block("latest"))
    return list(answers.values), list(answers.changed)


async def test_ten_thousand_reads_are_five_calls(node_url: str, node: Counting) -> None:
    await store(node_url, [(number, number + 1) for number in range(MANY)])
    reader = a_reader(node)
    batch = reader.batch([slot(number) for number in range(MANY)])

    first, changed = await at_head(reader, batch)
    assert first == [word(number + 1) for number in range(MANY)]
    assert changed == list(range(MANY))

    node.asked.clear()
    await store(node_url, [(7, 0), (4_000, 5), (9_999, 10_000)])
    second, changed = await at_head(reader, batch)
    assert node.asked["eth_call"] == 5
    assert changed == [7, 4_000]
    assert (second[7], second[4_000], second[9_999]) == (None, word(5), word(10_000))
    assert [one == other for one, other in zip(first, second, strict=True)].count(False) == 2


async def test_what_fails_or_is_empty_is_none(node_url: str, node: Counting) -> None:
    await store(node_url, [(1, 5)])
    odd = [slot(1), Read(NO_CODE, b"\x01"), Read(REVERTS, b"why"), slot(2), Read(ECHO, bytes(70)), slot(1)]

    for multicall in (True, False):
        reader = a_reader(node, multicall=multicall)
        batch = reader.batch(odd)
        assert batch.reads == tuple(odd[:5])
        assert await at_head(reader, batch) == ([word(5), None, None, None, bytes(70)], [0, 1, 2, 3, 4])
        assert await at_head(reader, batch) == ([word(5), None, None, None, bytes(70)], [])


async def test_answers_of_every_length_are_told_apart(node: Counting) -> None:
    reader = a_reader(node)
    reads = [Read(ECHO, bytes([number % 256]) * (number % 67 + 1)) for number in range(300)]

    values, _ = await at_head(reader, reader.batch(reads))

    assert values == [read.data for read in dict.fromkeys(reads)]


async def test_one_that_burns_all_gas_has_failed_and_the_others_have_not(
    node_url: str, node: Counting
) -> None:
    await store(node_url, [(number, 9) for number in range(300)])
    reader = a_reader(node)
    reads = [slot(number) for number in range(300)]
    batch = reader.batch([*reads[:100], Read(BURNS, b""), *reads[100:]])

    values, _ = await at_head(reader, batch)
    assert values[100] is None
    assert values[:100] + values[101:] == [word(9)] * 300

    node.asked.clear()
    assert (await at_head(reader, batch))[1] == []
    # What was split stays split, so nothing is refused twice but the one itself.
    assert node.asked["eth_call"] < 20
    # Others are not packed smaller for it.
    node.asked.clear()
    await at_head(reader, reader.batch(reads))
    assert node.asked["eth_call"] == 1


async def test_what_another_left_no_gas_for_has_its_value(node_url: str, node: Counting) -> None:
    await store(node_url, [(1, 5), (2, 6)])
    reader = a_reader(node)
    batch = reader.batch([slot(1), Read(BURNS, b""), Read(HEAVY, b""), slot(2)])

    assert (await at_head(reader, batch))[0] == [word(5), None, word(1), word(6)]

    node.asked.clear()
    assert (await at_head(reader, batch))[1] == []
    # It is a request of its own from then on, and what is known to fail is not asked again.
    assert node.asked["eth_call"] == 3


async def test_an_older_block_is_read_as_it_was(node_url: str, node: Counting) -> None:
    await store(node_url, [(1, 5)])
    reader = a_reader(node)
    before = await reader.block("latest")
    await store(node_url, [(1, 6)])
    batch = reader.batch([slot(1)])

    assert (await at_head(reader, batch))[0] == [word(6)]
    answers = await batch.at(before)
    assert (answers.block, answers.values, list(answers.changed)) == (before, (word(5),), [0])


@pytest.mark.parametrize("client", [Counting, WithoutHashes])
async def test_a_block_that_left_the_chain_is_not_read(node_url: str, client: type[Counting]) -> None:
    node = client(node_url)
    await store(node_url, [(1, 5)])
    reader = a_reader(node)
    batch = reader.batch([slot(1), slot(2)])
    gone = await reader.block("latest")
    await batch.at(gone)
    await rpc.call(node_url, "anvil_reorg", 1, [])

    with pytest.raises(ChainUnavailable):
        await batch.at(gone)

    await store(node_url, [(2, 8)])
    assert await at_head(reader, batch) == ([word(5), word(8)], [1])
    await node.close()


async def test_nodes_answer_in_turn_and_only_what_is_new_has_changed(
    node_url: str, tmp_path: Path, node: Counting
) -> None:
    (tmp_path / "other").mkdir()
    async with a_node(tmp_path / "other") as other_url, JsonRpc(other_url) as other:
        reader = a_reader(other, node)
        await store(node_url, [(1, 5), (2, 6)])
        await store(other_url, [(1, 5), (2, 6)])
        batch = reader.batch([slot(1), slot(2)])
        # Only the second has this block; their hashes differ, as of two forks.
        block = await reader.nodes[1].block("latest")
        assert list((await batch.at(block)).changed) == [0, 1]
        block = await reader.nodes[0].block("latest")
        assert list((await batch.at(block)).changed) == []


async def test_nodes_have_to_agree(node_url: str, node: Counting) -> None:
    await store(node_url, [(1, 5)])
    async with JsonRpc(node_url) as second:
        reader = AgreedReader(a_reader(node, second), 2)
        batch = reader.batch([slot(1), slot(2)])
        assert await at_head(reader, batch) == ([word(5), None], [0, 1])
        await store(node_url, [(2, 7)])
        assert await at_head(reader, batch) == ([word(5), word(7)], [1])


async def test_a_node_behind_the_block_is_not_asked(node_url: str, node: Counting) -> None:
    reader = a_reader(node)
    head = await reader.block("latest")
    await rpc.call(node_url, "anvil_mine", "0x5")
    ahead = await NodeRpc(NODE_CHAIN, node).block("latest")
    await rpc.call(node_url, "anvil_rollback", 5)

    with pytest.raises(ChainUnavailable):
        await reader.batch([slot(1)]).at(ahead)
    assert (await reader.batch([slot(1)]).at(head)).values == (None,)


async def test_nothing_to_read_asks_nothing(node: Counting) -> None:
    reader = a_reader(node)
    head = await reader.block("latest")
    node.asked.clear()

    answers = await reader.batch([]).at(head)

    assert (tuple(answers.values), list(answers.changed), node.asked.total()) == ((), [], 0)
