"""A chain read through several nodes, over real servers that misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.endpoint_health import LEAVE_AFTER
from agent.adapters.json_rpc import Json
from agent.domain.call import Call
from agent.domain.errors import ChainReverted, ChainUnavailable
from agent.domain.units import Wei
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, PAYEE, a_hash
from tests.unit.adapters.servers import MISBEHAVIOURS, Misbehaviour, NodeServer, Refusal, a_log, endpoints_of

ONE = (1).to_bytes(32, "big")
TOPICS = ((a_hash(5),),)


@asynccontextmanager
async def a_pool(*nodes: NodeServer, multicall: bool = False) -> AsyncIterator[ChainRpc]:
    async with endpoints_of([node.handle for node in nodes]) as clients:
        yield ChainRpc(CHAIN_ID, clients, multicall=ENTRY_POINT if multicall else None)


def health_of(chain: ChainRpc) -> list[bool]:
    return [node.standing.healthy for node in chain.nodes]


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_what_a_sick_node_cannot_say_the_next_one_does(misbehave: Misbehaviour) -> None:
    sick, well = NodeServer(misbehave=misbehave), NodeServer()

    async with a_pool(sick, well) as chain:
        assert (await chain.block("latest")).number == 100
        assert chain.nodes[0].standing.failures == 1


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_one_sick_node_is_an_unavailable_chain(misbehave: Misbehaviour) -> None:
    async with a_pool(NodeServer(misbehave=misbehave)) as chain:
        with pytest.raises(ChainUnavailable) as told:
            await chain.nodes[0].block("latest")

        assert "secret-api-key" not in str(told.value) + chain.nodes[0].standing.why


async def test_a_node_that_fails_in_a_row_is_asked_no_more() -> None:
    sick, well = NodeServer(misbehave=MISBEHAVIOURS["garbage"]), NodeServer()

    async with a_pool(sick, well) as chain:
        for _ in range(LEAVE_AFTER + 5):
            await chain.block("latest")

        assert (sum(sick.asked.values()), health_of(chain)) == (LEAVE_AFTER, [False, True])


async def test_a_sick_node_is_asked_when_no_other_answers() -> None:
    sick, well = NodeServer(misbehave=MISBEHAVIOURS["garbage"]), NodeServer()

    async with a_pool(sick, well) as chain:
        for _ in range(LEAVE_AFTER):
            await chain.block("latest")
        sick.misbehave, well.misbehave = None, MISBEHAVIOURS["html"]

        assert (await chain.block("latest")).number == 100


async def test_a_refusal_is_no_sickness() -> None:
    async with a_pool(NodeServer(fail=Refusal(-32601, "no such method"))) as chain:
        for _ in range(LEAVE_AFTER + 1):
            with pytest.raises(ChainUnavailable):
                await chain.nodes[0].code(ACCOUNT)

        assert health_of(chain) == [True]


async def test_a_lower_head_is_not_acted_on_whichever_node_shows_it() -> None:
    first, second = NodeServer(head=100), NodeServer(head=90)

    async with a_pool(first, second) as chain:
        await chain.block("latest")
        first.misbehave = MISBEHAVIOURS["garbage"]
        with pytest.raises(ChainUnavailable, match="100 was seen before"):
            await chain.block("latest")

        second.head = 101
        assert (await chain.block("latest")).number == 101


async def test_a_node_that_fell_back_is_passed_over() -> None:
    first, second = NodeServer(head=100), NodeServer(head=103)

    async with a_pool(first, second) as chain:
        await chain.block("latest")
        first.head = 99

        assert (await chain.block("latest")).number == 103


async def test_a_read_at_a_block_goes_to_a_node_that_has_it() -> None:
    behind, there = NodeServer(head=90, words={str(PAYEE): 9}), NodeServer(head=100)

    async with a_pool(behind, there) as chain:
        assert await chain.call(PAYEE, b"", 95) == ONE
        assert behind.asked["eth_call"] == 0


async def test_logs_are_not_asked_of_a_node_without_the_last_blocks() -> None:
    behind, there = NodeServer(head=90), NodeServer(head=100, logs=[a_log(95)])

    async with a_pool(behind, there) as chain:
        found = await chain.logs(ENTRY_POINT, TOPICS, 80, 100)

    assert [log.block_number for log in found] == [95]
    assert behind.asked["eth_getLogs"] == 0


async def test_a_block_that_a_node_lacks_is_no_revert() -> None:
    lacking, there = NodeServer(fail=Refusal(-32000, "header not found")), NodeServer()

    async with a_pool(lacking, there) as chain:
        assert await chain.call(PAYEE, b"", "latest") == ONE


async def test_a_revert_is_an_answer_and_no_other_node_is_asked() -> None:
    first, second = NodeServer(fail=Refusal(3, "execution reverted")), NodeServer()

    async with a_pool(first, second) as chain:
        with pytest.raises(ChainReverted):
            await chain.call(PAYEE, b"", "latest")

    assert not second.asked


async def test_a_log_range_that_is_refused_is_read_in_halves() -> None:
    node = NodeServer(head=1_000, widest=10, logs=[a_log(number) for number in range(0, 1_000, 7)])

    async with a_pool(node) as chain:
        found = await chain.logs(ENTRY_POINT, TOPICS, 0, 999)

    assert [log.block_number for log in found] == list(range(0, 1_000, 7))


async def test_a_node_that_wants_fewer_requests_is_not_sent_more() -> None:
    node = NodeServer(head=1_000, fail=Refusal(-32000, "exceeded 10 requests per second"))

    async with a_pool(node) as chain:
        with pytest.raises(ChainUnavailable):
            await chain.logs(ENTRY_POINT, TOPICS, 0, 0)
        with pytest.raises(ChainUnavailable):
            await chain.nodes[0].logs(ENTRY_POINT, TOPICS, 0, 999)

    assert node.asked["eth_getLogs"] <= 2


@pytest.mark.parametrize(
    "log",
    [a_log(95, address=PAYEE), a_log(95, topic=a_hash(6)), {**a_log(95), "topics": []}],
    ids=["another contract", "another topic", "no topic"],
)
async def test_logs_that_nobody_asked_for_are_no_answer(log: dict[str, object]) -> None:
    async with a_pool(NodeServer(logs=[log]), NodeServer(logs=[a_log(96)])) as chain:
        found = await chain.logs(ENTRY_POINT, TOPICS, 80, 100)

    assert [log.block_number for log in found] == [96]


async def test_logs_that_a_reorg_took_back_are_left_out_and_the_rest_is_in_order() -> None:
    node = NodeServer(logs=[a_log(97), {**a_log(96), "removed": True}, a_log(95)])

    async with a_pool(node) as chain:
        found = await chain.logs(ENTRY_POINT, TOPICS, 80, 100)

    assert [log.block_number for log in found] == [95, 97]


async def test_a_node_of_another_chain_answers_nothing() -> None:
    other, right = NodeServer(chain_id=1, head=500), NodeServer()

    async with a_pool(other, right) as chain:
        assert (await chain.block("latest")).number == 100
        assert chain.nodes[0].standing.why == "node-0 serves chain 1, not 31337"
        assert health_of(chain) == [False, True]


async def test_a_node_that_does_not_tell_its_chain_answers_nothing() -> None:
    async def refuses(_request: web.Request, asked: Json) -> web.StreamResponse:
        error = {"code": -32600, "message": "Invalid request"}
        return web.Response(body=orjson.dumps({"id": asked["id"], "error": error}))

    async with a_pool(NodeServer(misbehave=refuses), NodeServer()) as chain:
        assert (await chain.block("latest")).number == 100
        assert await chain.remote_chain_id() == CHAIN_ID


async def test_a_node_that_was_away_is_asked_for_its_chain_again() -> None:
    node = NodeServer()

    async with a_pool(node) as chain:
        await chain.block("latest")
        node.misbehave = MISBEHAVIOURS["garbage"]
        with pytest.raises(ChainUnavailable):
            await chain.nodes[0].block("latest")
        node.misbehave, node.chain_id = None, 1

        with pytest.raises(ChainUnavailable, match="serves chain 1"):
            await chain.nodes[0].block("latest")


@pytest.mark.parametrize(
    "header",
    [
        {"number": "0x64", "hash": str(a_hash(1))},
        {"number": "-0x1", "hash": str(a_hash(1)), "timestamp": "0x1"},
        {"number": "0x" + "f" * 65, "hash": str(a_hash(1)), "timestamp": "0x1"},
        {"number": 100, "hash": str(a_hash(1)), "timestamp": "0x1"},
        {"number": "0x64", "hash": "0x12", "timestamp": "0x1"},
        ["0x64"],
        "latest",
        True,
    ],
    ids=["cut", "negative", "above 256 bits", "number", "short hash", "list", "text", "true"],
)
async def test_a_header_of_another_shape_is_no_answer(header: object) -> None:
    class Odd(NodeServer):
        def _block(self, tag: str) -> object:
            return header

    async with a_pool(Odd(), NodeServer(head=77)) as chain:
        assert (await chain.block("latest")).number == 77


async def test_a_node_that_answers_another_block_than_asked_is_not_believed() -> None:
    class Latest(NodeServer):
        def _block(self, tag: str) -> object:
            return super()._block("latest")

    async with a_pool(Latest(), NodeServer()) as chain:
        assert (await chain.block(90)).hash == a_hash(90)


async def test_many_reads_are_one_request_also_without_multicall() -> None:
    node = NodeServer(words={str(PAYEE): 5})
    calls = [Call(PAYEE, Wei(0), b""), Call(ENTRY_POINT, Wei(0), b"")]

    async with a_pool(node) as chain:
        found = await chain.calls(calls, 100)

    assert found == (bytes(31) + b"\x05", ONE)


async def test_a_multicall_that_is_cut_short_is_no_answer() -> None:
    async with a_pool(NodeServer(), multicall=True) as chain:
        with pytest.raises(ChainUnavailable, match=r"cut short|answered"):
            await chain.calls([Call(PAYEE, Wei(0), b"")], 100)

        assert chain.nodes[0].standing.failures == 1
