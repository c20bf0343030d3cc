"""Simulations of one moment go in few requests, each has its own answer, and a node may refuse batches."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web

from agent.adapters.joined_calls import MOST, JoinedCalls
from agent.adapters.json_rpc import Json, JsonRpc, Request, RpcFailure, RpcSilent
from tests.unit.adapters.servers import MISBEHAVIOURS, Refusal, answered, endpoints_of

REVERTS = "0x07"


@dataclass
class Node:
    """Answers each call with what it was asked, a certain one with a revert."""

    takes_batches: bool = True
    sizes: list[int] = field(default_factory=list)
    """Of each request: how many calls it had; nought for one that was no batch."""
    asked: list[Json] = field(default_factory=list)
    """The parameters of all that came."""
    is_slow: bool = False
    """It answers nothing while this is so."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """A request came."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        asked = orjson.loads(await request.read())
        is_batch = isinstance(asked, list)
        self.sizes.append(len(asked) if is_batch else 0)
        self.asked += [one["params"][0] for one in (asked if is_batch else [asked])]
        self.came.set()
        while self.is_slow:
            await asyncio.sleep(0.01)
        if is_batch and not self.takes_batches:
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": ""}})
        body = [answered(one, _echo) for one in asked] if is_batch else answered(asked, _echo)
        return web.json_response(body)


def _echo(_: str, params: list[Json]) -> Json:
    if params[0] == REVERTS:
        raise Refusal(3, "execution reverted")
    return params[0]


@asynccontextmanager
async def joined(node: Node) -> AsyncIterator[JoinedCalls]:
    async with endpoints_of([node.handle]) as (client,):
        yield JoinedCalls(client)


async def asked_at_once(calls: JoinedCalls, count: int) -> list[Json | BaseException]:
    questions = [calls.ask(f"0x{number:02x}") for number in range(count)]
    return await asyncio.gather(*questions, return_exceptions=True)


def own_answers(answers: list[Json | BaseException]) -> bool:
    """Say whether everybody got the answer to its own question, and one alone its revert."""
    for number, answer in enumerate(answers):
        if f"0x{number:02x}" == REVERTS:
            if not isinstance(answer, RpcFailure) or answer.code != 3:
                return False
        elif answer != f"0x{number:02x}":
            return False
    return True


async def test_calls_of_one_moment_go_together_and_each_has_its_own_answer() -> None:
    async with joined(node := Node()) as calls:
        assert own_answers(await asked_at_once(calls, 2 * MOST + 3))

    assert sorted(node.sizes) == [3, MOST, MOST]


async def test_a_call_alone_is_no_batch() -> None:
    async with joined(node := Node()) as calls:
        assert await calls.ask("0x01") == "0x01"
        with pytest.raises(RpcFailure):
            await calls.ask(REVERTS)

    assert node.sizes == [0, 0]


async def test_a_node_that_takes_no_batches_is_asked_one_by_one_from_then_on() -> None:
    async with joined(node := Node(takes_batches=False)) as calls:
        assert own_answers(await asked_at_once(calls, 9))
        assert own_answers(await asked_at_once(calls, 9))

    assert node.sizes == [9] + [0] * 18


@pytest.mark.parametrize("name", ["garbage", "html"])
async def test_a_node_that_is_away_is_away_for_all(name: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await MISBEHAVIOURS[name](request, {"id": 1})

    async with endpoints_of([handle]) as (client,):
        answers = await asked_at_once(JoinedCalls(client), 4)

    assert [type(answer) for answer in answers] == [RpcSilent] * 4


async def test_who_goes_away_leaves_the_others_their_answers() -> None:
    async with joined(Node()) as calls:
        first = asyncio.create_task(calls.ask("0x01"))
        second = asyncio.create_task(calls.ask("0x02"))
        await asyncio.sleep(0)
        first.cancel()

        assert await second == "0x02"
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_who_goes_away_before_anything_left_is_not_asked_about() -> None:
    async with joined(node := Node()) as calls:
        first = asyncio.create_task(calls.ask("0x01"))
        second = asyncio.create_task(calls.ask("0x02"))
        await asyncio.sleep(0)
        first.cancel()
        await second

    assert node.asked == ["0x02"]


async def test_nothing_is_on_its_way_of_who_has_gone_away() -> None:
    left: list[str] = []

    class Slow(JsonRpc):
        """Shows what it is about to send a moment before it sends it."""

        async def request(self, method: str, params: Sequence[Json] = ()) -> Json:
            return (await self.batch([Request(method, params)]))[0]

        async def batch(self, requests: Sequence[Request]) -> list[Json]:
            begun.set()
            await go_on.wait()
            left.extend(request.params[0] for request in requests)
            return [request.params[0] for request in requests]

    begun, go_on = asyncio.Event(), asyncio.Event()
    calls = JoinedCalls(Slow("http://127.0.0.1:1"))
    signed = asyncio.create_task(calls.ask("signed"))
    others = [asyncio.create_task(calls.ask(name)) for name in ("one", "two")]
    await begun.wait()
    signed.cancel()
    await asyncio.wait([signed])
    go_on.set()

    assert await asyncio.gather(*others) == ["one", "two"]
    assert left == ["one", "two"]


async def test_a_request_that_waits_for_its_answer_is_broken_off_for_the_others_too() -> None:
    async with joined(node := Node(is_slow=True)) as calls:
        first = asyncio.create_task(calls.ask("0x01"))
        second = asyncio.create_task(calls.ask("0x02"))
        await node.came.wait()
        first.cancel()
        await asyncio.wait([first])
        node.is_slow = False

        assert await second == "0x02"
    assert node.asked == ["0x01", "0x02", "0x02"]


async def test_what_goes_wrong_in_an_unforeseen_way_is_told_to_all() -> None:
    class Broken(JsonRpc):
        """Cannot even write its request."""

        async def batch(self, requests: Sequence[Request]) -> list[Json]:
            raise TypeError("no JSON")

    answers = await asked_at_once(JoinedCalls(Broken("http://127.0.0.1:1")), 3)

    assert [type(answer) for answer in answers] == [TypeError] * 3
