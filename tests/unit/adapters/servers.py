"""Nodes and bundlers as real HTTP servers, so that they can misbehave on the wire."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.adapters.json_rpc import Json, JsonRpc
from agent.domain.units import Address, Hash32
from agent.ports import NO_PARENT
from tests.builders import CHAIN_ID, ENTRY_POINT, a_hash

TIMEOUT_S = 30.0
"""What a server that answers gets: a busy machine makes it slow, not silent."""
SHORT_S = 0.4
"""What one gets that takes for ever."""
Misbehaviour = Callable[[web.Request, Json], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A JSON-RPC error that a server answers with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class NodeServer:
    """A node with a chain of its own: what it says is its fields, how it says it `misbehave`."""

    head: int = 100
    final: int = 98
    chain_id: int = CHAIN_ID
    fork: int = 0
    """Blocks from `fork_from` on have other hashes than those of a node with another fork."""
    fork_from: int = 0
    words: dict[str, int] = field(default_factory=dict)
    """What calls to a target return, by address; one otherwise."""
    logs: list[dict[str, Any]] = field(default_factory=list)
    widest: int | None = None
    """Blocks of a log query that it takes."""
    misbehave: Misbehaviour | None = None
    asked: Counter[str] = field(default_factory=Counter)
    fail: Refusal | None = None

    def hash_of(self, number: int) -> Hash32:
        """Return the hash of a block of its chain."""
        return a_hash(number + (10_000 * self.fork if number >= self.fork_from else 0))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        asked = orjson.loads(await request.read())
        questions = asked if isinstance(asked, list) else [asked]
        self.asked.update(question["method"] for question in questions)
        if self.misbehave is not None:
            return await self.misbehave(request, questions[0])
        answers = [answered(question, self._answer) for question in questions]
        body = orjson.dumps(answers if isinstance(asked, list) else answers[0])
        return web.Response(body=body, content_type="application/json")

    def _answer(self, method: str, params: list[Json]) -> Json:
        if self.fail is not None and method != "eth_chainId":
            raise self.fail
        answers: dict[str, Callable[[], Json]] = {
            "eth_chainId": lambda: hex(self.chain_id),
            "eth_getBlockByNumber": lambda: self._block(params[0]),
            "eth_call": lambda: self._call(*params),
            "eth_getCode": lambda: "0x01",
            "eth_getLogs": lambda: self._logs(params[0]),
            "eth_getTransactionReceipt": lambda: None,
            "eth_maxPriorityFeePerGas": lambda: "0x1",
        }
        return answers[method]()

    def _block(self, tag: str) -> Json:
        number = {"latest": self.head, "finalized": self.final}.get(tag)
        number = int(tag, 16) if number is None else number
        if number > self.head:
            return None
        return {
            "number": hex(number),
            "hash": str(self.hash_of(number)),
            "parentHash": str(self.hash_of(number - 1) if number else NO_PARENT),
            "timestamp": hex(number),
        }

    def _call(self, message: dict[str, str], tag: str) -> str:
        if tag != "latest" and int(tag, 16) > self.head:
            raise Refusal(-32000, "header not found")
        return "0x" + self.words.get(message["to"], 1).to_bytes(32, "big").hex()

    def _logs(self, query: dict[str, Any]) -> Json:
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        if self.widest is not None and last - first >= self.widest:
            raise Refusal(-32602, "query returned more than 10000 results")
        return [log for log in self.logs if first <= int(log["blockNumber"], 16) <= last]


def a_log(block: int, *, topic: Hash32 | None = None, address: Address = ENTRY_POINT) -> dict[str, Any]:
    """Return a log as a node writes it."""
    return {
        "address": str(address),
        "topics": [str(topic or a_hash(5))],
        "data": "0x",
        "blockNumber": hex(block),
        "blockHash": str(a_hash(block)),
        "transactionHash": str(a_hash(7)),
        "logIndex": "0x0",
    }


def answered(asked: Json, answer: Callable[[str, list[Json]], Json]) -> dict[str, Json]:
    """Answer one question as JSON-RPC does."""
    body: dict[str, Json] = {"jsonrpc": "2.0", "id": asked["id"]}
    try:
        return body | {"result": answer(asked["method"], asked["params"])}
    except Refusal as refusal:
        return body | {"error": {"code": refusal.code, "message": refusal.message}}


@asynccontextmanager
async def serving(
    *handlers: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[list[str]]:
    """Serve each handler at an address of its own."""
    async with AsyncExitStack() as stack:
        urls: list[str] = []
        for handler in handlers:
            app = web.Application()
            app.router.add_post("/{path:.*}", handler)
            server = await stack.enter_async_context(TestServer(app, host="127.0.0.1"))
            urls.append(str(server.make_url("/secret-api-key")))
        yield urls


@asynccontextmanager
async def endpoints_of(
    handlers: Sequence[Callable[[web.Request], Awaitable[web.StreamResponse]]],
) -> AsyncIterator[list[JsonRpc]]:
    """Serve each handler and return clients: `node-0`, `node-1` …."""
    async with serving(*handlers) as urls:
        clients = [
            JsonRpc(url, name=f"node-{place}", timeout_s=patience_with(handler), max_answer_bytes=100_000)
            for place, (url, handler) in enumerate(zip(urls, handlers, strict=True))
        ]
        try:
            yield clients
        finally:
            for client in clients:
                await client.close()


async def drips(request: web.Request, asked: Json) -> web.StreamResponse:
    """Send a good answer, a byte now and then."""
    response = web.StreamResponse()
    await response.prepare(request)
    for byte in orjson.dumps({"id": asked["id"], "result": "0x1"}):
        await response.write(bytes([byte]))
        await asyncio.sleep(SHORT_S / 4)
    return response


async def hangs(_request: web.Request, _asked: Json) -> web.StreamResponse:
    """Take the request and say nothing until the client is gone."""
    await asyncio.sleep(SHORT_S * 3)
    return web.Response()


async def redirects(_request: web.Request, _asked: Json) -> web.StreamResponse:
    """Send the client somewhere else, where the answer is."""
    raise web.HTTPTemporaryRedirect("/elsewhere")


def says(content: bytes, status: int = 200, **headers: str) -> Misbehaviour:
    """Return what sends these bytes whatever was asked."""

    async def respond(_request: web.Request, _asked: Json) -> web.StreamResponse:
        return web.Response(body=content, status=status, headers=headers, content_type="application/json")

    return respond


async def wrong_id(_request: web.Request, asked: Json) -> web.StreamResponse:
    """Answer another question."""
    return web.Response(body=orjson.dumps({"id": asked["id"] + 1, "result": "0x1"}))


async def bombs(_request: web.Request, _asked: Json) -> web.StreamResponse:
    """Send ten megabytes in ten kilobytes."""
    response = web.Response(body=b'"' + b"x" * 10_000_000 + b'"')
    response.enable_compression(web.ContentCoding.gzip)
    return response


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "drips": drips,
    "hangs": hangs,
    "huge": says(b'"' + b"x" * 200_000 + b'"'),
    "bomb": bombs,
    "deep": says(b"[" * 50_000 + b"]" * 50_000),
    "wrong id": wrong_id,
    "garbage": says(b"\x00\xff not json"),
    "html": says(b"<html>bad gateway</html>", 502),
    "too many": says(b'{"id":null,"error":{"code":-32005,"message":"too many requests"}}', 429),
    "nothing": says(b""),
    "NaN": says(b'{"id":1,"result":NaN}'),
    "redirects": redirects,
}


def patience_with(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> float:
    """Return how many seconds a client waits for this server, by how it misbehaves when it is made."""
    return patience(getattr(getattr(handler, "__self__", None), "misbehave", None))


def patience(misbehave: Misbehaviour | None) -> float:
    """Return how many seconds a client waits for one that misbehaves so."""
    return SHORT_S if misbehave in (drips, hangs) else TIMEOUT_S
