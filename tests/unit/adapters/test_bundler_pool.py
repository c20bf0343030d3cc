"""Several bundlers over real servers that misbehave: who gets the bytes, and who is left out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web

from agent.adapters.bundler_pool import BundlerPool
from agent.adapters.bundler_rpc import ESTIMATES_AT_ONCE, BundlerRpc
from agent.adapters.endpoint_health import LEAVE_AFTER
from agent.domain.errors import BundlerRejected, BundlerUnavailable
from agent.domain.send_answer import Accepted, RejectedAnswer, UnknownAnswer
from agent.erc4337.version import EntryPointVersion
from agent.pipeline.disposition import disposition
from agent.ports import Bundler
from tests.builders import ENTRY_POINT, a_hash, a_journaled_operation, a_user_operation
from tests.unit.adapters.servers import MISBEHAVIOURS, Misbehaviour, Refusal, answered, endpoints_of

OPERATION = a_journaled_operation()
GAS = {"callGasLimit": "0x1", "verificationGasLimit": "0x2", "preVerificationGas": "0x3"}
QUOTE = {"standard": {"maxFeePerGas": "0xa", "maxPriorityFeePerGas": "0x5"}}


@dataclass
class BundlerServer:
    """A bundler that accepts what it is sent."""

    misbehave: Misbehaviour | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    """By method, in place of the good ones."""
    asked: Counter[str] = field(default_factory=Counter)
    received: list[object] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        self.asked[asked["method"]] += 1
        if self.misbehave is not None:
            return await self.misbehave(request, asked)
        return web.Response(body=orjson.dumps(answered(asked, self._answer)), content_type="application/json")

    def _answer(self, method: str, params: list[Any]) -> object:
        if method == "eth_sendUserOperation":
            self.received.append(params[0])
        good = {
            "eth_supportedEntryPoints": [str(ENTRY_POINT)],
            "eth_estimateUserOperationGas": GAS,
            "eth_sendUserOperation": str(OPERATION.user_op_hash),
            "pimlico_getUserOperationGasPrice": QUOTE,
        }
        answer = (good | self.answers).get(method, Refusal(-32601, "method not found"))
        if isinstance(answer, Refusal):
            raise answer
        return answer


@asynccontextmanager
async def a_pool(*bundlers: BundlerServer) -> AsyncIterator[BundlerPool]:
    async with endpoints_of([bundler.handle for bundler in bundlers]) as clients:
        yield BundlerPool([BundlerRpc(client, EntryPointVersion.V07) for client in clients])


def names(pool: BundlerPool) -> list[str]:
    return [bundler.name for bundler in pool]


async def asked_for_entry_points(bundler: Bundler, times: int) -> None:
    for _ in range(times):
        with pytest.raises(BundlerUnavailable):
            await bundler.supported_entry_points()


async def test_bundlers_stand_in_the_operators_order() -> None:
    async with a_pool(BundlerServer(), BundlerServer(), BundlerServer()) as pool:
        assert (names(pool), len(pool)) == (["node-0", "node-1", "node-2"], 3)


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
async def test_after_some_unknown_answers_the_next_bundler_gets_the_same_bytes(
    misbehave: Misbehaviour,
) -> None:
    sick, well = BundlerServer(misbehave), BundlerServer()

    async with a_pool(sick, well) as pool:
        told = [await pool[0].send(OPERATION) for _ in range(LEAVE_AFTER)]
        accepted = await pool[0].send(OPERATION)

        assert all(isinstance(answer, (UnknownAnswer, RejectedAnswer)) for answer in told)
        assert accepted == Accepted(OPERATION.user_op_hash)
        assert (names(pool), sick.asked["eth_sendUserOperation"]) == (["node-1"], LEAVE_AFTER)


async def test_a_send_is_one_request_to_one_bundler() -> None:
    first, second = BundlerServer(), BundlerServer()

    async with a_pool(first, second) as pool:
        await pool[1].send(OPERATION)

    assert (first.received, len(second.received)) == ([], 1)


async def test_only_so_many_estimates_are_on_their_way_and_all_get_their_answer() -> None:
    asked, most, full, answers = 0, 0, asyncio.Event(), asyncio.Event()

    async def waits(_request: web.Request, body: Any) -> web.StreamResponse:  # noqa: ANN401 - JSON
        nonlocal asked, most
        if body["method"] != "eth_estimateUserOperationGas":
            return web.json_response(answered(body, lambda _method, _params: QUOTE))
        asked += 1
        most = max(most, asked)
        if asked == ESTIMATES_AT_ONCE:
            full.set()
        await answers.wait()
        asked -= 1
        return web.json_response(answered(body, lambda _method, _params: GAS))

    async with a_pool(BundlerServer(waits)) as pool, asyncio.TaskGroup() as group:
        for _ in range(ESTIMATES_AT_ONCE + 16):
            group.create_task(pool[0].estimate(a_user_operation(), ENTRY_POINT))
        async with asyncio.timeout(60):
            await full.wait()
        for _ in range(16):
            # Nothing else waits for an estimate; and whatever was asked before has come by now.
            assert await pool[0].fee_floor() is not None
        answers.set()

    assert most == ESTIMATES_AT_ONCE


async def test_every_send_carries_the_same_bytes() -> None:
    first, second = BundlerServer(), BundlerServer()

    async with a_pool(first, second) as pool:
        for bundler in (*pool, *pool):
            await bundler.send(OPERATION)

    assert first.received == second.received
    assert len(first.received) == 2
    assert first.received[0] == first.received[1]


async def test_refusals_do_not_make_a_bundler_sick() -> None:
    refuses = BundlerServer(answers={"eth_sendUserOperation": Refusal(-32500, "AA21 didn't pay prefund")})

    async with a_pool(refuses, BundlerServer()) as pool:
        for _ in range(LEAVE_AFTER + 1):
            assert isinstance(await pool[0].send(OPERATION), RejectedAnswer)

        assert names(pool) == ["node-0", "node-1"]


@pytest.mark.parametrize(
    "answer", [str(a_hash(99)), Refusal(-32601, "method not found")], ids=["another hash", "no such method"]
)
async def test_one_that_takes_something_else_than_was_sent_gets_nothing_more(answer: object) -> None:
    false, true = BundlerServer(answers={"eth_sendUserOperation": answer}), BundlerServer()

    async with a_pool(false, true) as pool:
        await pool[0].send(OPERATION)
        for _ in range(LEAVE_AFTER):
            await pool.members["node-0"].supported_entry_points()

        assert names(pool) == ["node-1"]
        assert pool.standings[0].why


@pytest.mark.parametrize("answer", [None, 7, "0x12", "accepted", [str(a_hash())]], ids=str)
async def test_an_answer_that_is_no_hash_is_unknown(answer: object) -> None:
    async with a_pool(BundlerServer(answers={"eth_sendUserOperation": answer}), BundlerServer()) as pool:
        told = await pool[0].send(OPERATION)

        assert isinstance(told, UnknownAnswer)
        assert disposition(told).code == "broken_answer"
        assert (names(pool), pool.standings[0].failures) == (["node-0", "node-1"], 1)


async def test_a_hash_in_capitals_is_the_same() -> None:
    capitals = "0x" + OPERATION.user_op_hash.hex().upper()
    async with a_pool(BundlerServer(answers={"eth_sendUserOperation": capitals})) as pool:
        assert await pool[0].send(OPERATION) == Accepted(OPERATION.user_op_hash)


async def test_when_all_are_out_all_are_tried() -> None:
    first, second = BundlerServer(MISBEHAVIOURS["html"]), BundlerServer(MISBEHAVIOURS["html"])

    async with a_pool(first, second) as pool:
        for bundler in pool:
            await asked_for_entry_points(bundler, LEAVE_AFTER)

        assert names(pool) == ["node-0", "node-1"]


async def test_estimates_and_quotes_are_asked_of_the_next_where_one_is_silent() -> None:
    async with a_pool(BundlerServer(MISBEHAVIOURS["html"]), BundlerServer()) as pool:
        gas = await pool[0].estimate(a_user_operation(), ENTRY_POINT)

        assert (gas.call_gas_limit, gas.verification_gas_limit, gas.pre_verification_gas) == (1, 2, 3)
        assert await pool[0].fee_floor() == (10, 5)


async def test_a_refused_estimate_is_an_answer() -> None:
    refuses = BundlerServer(answers={"eth_estimateUserOperationGas": Refusal(-32521, "execution reverted")})
    second = BundlerServer()

    async with a_pool(refuses, second) as pool:
        with pytest.raises(BundlerRejected):
            await pool[0].estimate(a_user_operation(), ENTRY_POINT)

    assert not second.asked


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "0x1",
        None,
        GAS | {"callGasLimit": -1},
        GAS | {"callGasLimit": "-0x1"},
        GAS | {"callGasLimit": "x"},
    ],
    ids=["empty", "list", "text", "null", "int", "negative", "letters"],
)
async def test_an_estimate_of_another_shape_is_none(answer: object) -> None:
    async with a_pool(BundlerServer(answers={"eth_estimateUserOperationGas": answer})) as pool:
        with pytest.raises(BundlerUnavailable):
            await pool[0].estimate(a_user_operation(), ENTRY_POINT)

        assert pool.standings[0].failures == 1


@pytest.mark.parametrize(
    ("answers", "floor"),
    [
        ({"rundler_maxPriorityFeePerGas": "0x7"}, (0, 7)),
        ({}, None),
    ],
    ids=["rundler", "none"],
)
async def test_each_flavour_quotes_in_its_own_words(
    answers: dict[str, object], floor: tuple[int, int] | None
) -> None:
    no_quote = Refusal(-32601, "method not found")
    server = BundlerServer(answers={"pimlico_getUserOperationGasPrice": no_quote} | answers)

    async with a_pool(server) as pool:
        assert await pool[0].fee_floor() == floor


@pytest.mark.parametrize("answer", [None, 5, [5], ["0x12"], {"0": "0x12"}], ids=str)
async def test_a_list_of_entry_points_of_another_shape_is_none(answer: object) -> None:
    async with a_pool(BundlerServer(answers={"eth_supportedEntryPoints": answer})) as pool:
        await asked_for_entry_points(pool[0], 1)
