"""Logs are held against nonces and headers, over a node whose index is not to be trusted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.json_rpc import Json
from agent.domain.occurrence import Inclusion
from agent.domain.units import Hash32
from agent.erc4337.events import USER_OPERATION_EVENT
from agent.pipeline.receipt import inclusions
from agent.pipeline.second_look import BLOCKS_AT_A_TIME, found_again, on_chain
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, a_hash, an_inclusion
from tests.unit.adapters.servers import NodeServer, a_log, endpoints_of

OURS = a_hash(1)


class WithGaps(NodeServer):
    """Its index leaves out what a wide range holds, without a word."""

    def _logs(self, query: dict[str, Any]) -> Json:
        blocks = int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1
        return super()._logs(query) if blocks <= BLOCKS_AT_A_TIME else []


def an_event(block: int, user_op_hash: Hash32 = OURS) -> dict[str, Any]:
    words = (3).to_bytes(32, "big") + (1).to_bytes(32, "big") * 3
    account = Hash32(bytes(12) + ACCOUNT)
    topics = [str(USER_OPERATION_EVENT), str(user_op_hash), str(account), str(Hash32(bytes(32)))]
    return {**a_log(block), "topics": topics, "data": "0x" + words.hex()}


@asynccontextmanager
async def reading(node: NodeServer) -> AsyncIterator[ChainRpc]:
    async with endpoints_of([node.handle]) as clients:
        yield ChainRpc(CHAIN_ID, clients)


async def test_what_a_wide_range_left_out_is_found_in_narrow_ones() -> None:
    node = WithGaps(head=3_000, logs=[an_event(1_234)])

    async with reading(node) as chain:
        assert await inclusions(chain, ENTRY_POINT, [OURS], 1_000, 2_999) == {}
        found = await found_again(chain, ENTRY_POINT, [OURS], 1_000, 2_999)

    assert found[OURS].block_number == 1_234


async def test_nothing_is_asked_when_nothing_was_missed() -> None:
    node = NodeServer()

    async with reading(node) as chain:
        assert await found_again(chain, ENTRY_POINT, [], 0, 100) == {}

    assert not node.asked


async def test_an_inclusion_in_a_block_that_left_the_chain_is_none() -> None:
    node = NodeServer(head=200)
    left, there = an_inclusion(block=110, block_seed=999), an_inclusion(block=120, block_seed=120)

    async with reading(node) as chain:
        standing = await on_chain(chain, {a_hash(1): left, a_hash(2): there}, {110, 120})

    assert standing == {a_hash(2): there}


async def test_each_doubted_block_is_asked_for_once_and_others_never() -> None:
    node = NodeServer(head=200)
    found: dict[Hash32, Inclusion] = {
        a_hash(seed): an_inclusion(block=100 + seed % 2, block_seed=100 + seed % 2) for seed in range(20)
    }

    async with reading(node) as chain:
        await chain.block("latest")
        node.asked.clear()
        assert await on_chain(chain, found, {100}) == found

    assert node.asked == {"eth_getBlockByNumber": 1}
