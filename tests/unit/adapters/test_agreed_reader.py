"""Where money is decided, as many nodes as must agree say the same, or nobody knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.adapters.agreed_reader import AgreedReader, TooFewNodes
from agent.adapters.chain_rpc import ChainRpc
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable, NodesDisagree
from agent.domain.units import Wei
from tests.builders import CHAIN_ID, ENTRY_POINT, PAYEE, a_hash
from tests.unit.adapters.servers import MISBEHAVIOURS, Misbehaviour, NodeServer, Refusal, a_log, endpoints_of

TOPICS = ((a_hash(5),),)


@asynccontextmanager
async def a_reader(
    *nodes: NodeServer, quorum: int = 2, finality_depth: int | None = None
) -> AsyncIterator[tuple[AgreedReader, ChainRpc]]:
    async with endpoints_of([node.handle for node in nodes]) as clients:
        pool = ChainRpc(CHAIN_ID, clients, finality_depth=finality_depth)
        yield AgreedReader(pool, quorum, finality_depth=finality_depth), pool


def dissents(pool: ChainRpc) -> list[int]:
    return [node.standing.dissents for node in pool.nodes]


async def test_what_two_nodes_say_counts() -> None:
    async with a_reader(NodeServer(logs=[a_log(95)]), NodeServer(logs=[a_log(95)])) as (reader, pool):
        assert [log.block_number for log in await reader.logs(ENTRY_POINT, TOPICS, 90, 100)] == [95]
        assert await reader.call(PAYEE, b"", 100) == (1).to_bytes(32, "big")
        assert dissents(pool) == [0, 0]


async def test_a_nonce_that_two_nodes_tell_differently_is_unknown() -> None:
    async with a_reader(NodeServer(words={str(PAYEE): 4}), NodeServer(words={str(PAYEE): 5})) as (
        reader,
        pool,
    ):
        with pytest.raises(NodesDisagree, match="disagree on call: node-0, node-1"):
            await reader.call(PAYEE, b"", 100)

        assert dissents(pool) == [1, 1]


async def test_logs_that_one_node_leaves_out_are_unknown() -> None:
    async with a_reader(NodeServer(logs=[a_log(95)]), NodeServer()) as (reader, _):
        with pytest.raises(NodesDisagree, match="logs"):
            await reader.logs(ENTRY_POINT, TOPICS, 90, 100)


async def test_of_three_nodes_the_two_that_agree_are_believed_and_the_third_is_named() -> None:
    liar = NodeServer(words={str(PAYEE): 9})

    async with a_reader(NodeServer(), liar, NodeServer()) as (reader, pool):
        assert await reader.call(PAYEE, b"", 100) == (1).to_bytes(32, "big")
        assert dissents(pool) == [0, 1, 0]


async def test_a_third_node_is_not_asked_while_two_agree() -> None:
    third = NodeServer()

    async with a_reader(NodeServer(), NodeServer(), third) as (reader, _):
        await reader.call(PAYEE, b"", 100)

    assert not third.asked["eth_call"]


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_one_node_alone_decides_nothing(misbehave: Misbehaviour) -> None:
    async with a_reader(NodeServer(), NodeServer(misbehave=misbehave)) as (reader, _):
        with pytest.raises(TooFewNodes, match="1 nodes of chain 31337 answered, 2 must agree"):
            await reader._asked("call", lambda node: node.call(PAYEE, b"", 100), 100)  # noqa: SLF001 - one round


async def test_a_third_node_stands_in_for_a_silent_one() -> None:
    sick = NodeServer(misbehave=MISBEHAVIOURS["html"])

    async with a_reader(sick, NodeServer(), NodeServer()) as (reader, _):
        assert (await reader.block("latest")).number == 100


async def test_the_head_is_the_newest_block_that_enough_nodes_have() -> None:
    async with a_reader(NodeServer(head=103), NodeServer(head=101), NodeServer(head=50)) as (reader, _):
        assert (await reader.block("latest")).number == 101


async def test_final_is_what_enough_nodes_call_final() -> None:
    async with a_reader(NodeServer(final=98), NodeServer(final=64)) as (reader, _):
        assert (await reader.finalized()).number == 64


async def test_final_by_depth_counts_from_the_shared_head() -> None:
    nodes = NodeServer(head=100), NodeServer(head=95)

    async with a_reader(*nodes, finality_depth=10) as (reader, _):
        assert (await reader.finalized()).number == 85


async def test_nodes_on_two_forks_agree_on_no_head() -> None:
    async with a_reader(NodeServer(), NodeServer(fork=1, fork_from=95)) as (reader, _):
        with pytest.raises(NodesDisagree, match="block"):
            await reader.block("latest")

        assert (await reader.block(94)).hash == a_hash(94)


async def test_the_shared_head_never_goes_back() -> None:
    first, second = NodeServer(), NodeServer()

    async with a_reader(first, second) as (reader, _):
        await reader.block("latest")
        second.head = 99

        with pytest.raises(ChainUnavailable, match="newer was seen before"):
            await reader.block("latest")


async def test_a_node_behind_the_block_has_no_vote() -> None:
    behind = NodeServer(head=90)

    async with a_reader(NodeServer(), behind, NodeServer()) as (reader, _):
        await reader.call(PAYEE, b"", 100)

    assert not behind.asked["eth_call"]


async def test_a_revert_is_agreed_on_like_a_value() -> None:
    reverts = Refusal(3, "execution reverted")

    async with a_reader(NodeServer(fail=reverts), NodeServer(fail=reverts)) as (reader, _):
        with pytest.raises(ChainReverted):
            await reader.call(PAYEE, b"", "latest")


async def test_many_reads_are_agreed_on_as_one() -> None:
    calls = [Call(PAYEE, Wei(0), b""), Call(ENTRY_POINT, Wei(0), b"")]

    async with a_reader(NodeServer(), NodeServer(words={str(ENTRY_POINT): 2})) as (reader, _):
        with pytest.raises(NodesDisagree, match="calls"):
            await reader.calls(calls, 100)
