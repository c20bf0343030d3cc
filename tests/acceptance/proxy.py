"""A proxy between the worker and a node or a bundler: it does to their talk what networks do, and records it.

It knows JSON-RPC: each strike names the methods that it hits. Everything else passes as it came.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Thread
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.acceptance.oracle.sends import Sent

SEND = "eth_sendUserOperation"
ESTIMATE = "eth_estimateUserOperationGas"
RECEIPT = "eth_getTransactionReceipt"
HEAD = "eth_getBlockByNumber"
DELAY_S = 1.0
OVERTAKEN_AFTER_S = 3.0
"""How long a request waits for another one to overtake it."""
DRIP_S = 1.0
"""Between two bytes: whole answers take longer than any deadline."""

Asked = Any
"""A request, or a batch of them."""
Witness = Callable[[dict[str, Any]], bool]
"""Tells whether the journal holds an operation now."""


class Mode(StrEnum):
    """What may happen to an exchange."""

    DELAY = "delay"
    CUT = "cut"
    """The connection ends before the request was passed on."""
    SWALLOW = "swallow"
    """The request is passed on and its answer kept."""
    DUPLICATE = "duplicate"
    """The request is passed on twice, and the second answer returned."""
    REORDER = "reorder"
    """The next request overtakes this one."""
    STALE = "stale"
    """The first answer that was ever given to the question, again."""
    LIE = "lie"
    """A well-formed answer that is not true."""
    GARBAGE = "garbage"
    DRIP = "drip"
    """One byte after the other, for longer than anybody waits."""


@dataclass
class Strike:
    """A fault that hits some methods, so many times and with this chance."""

    mode: Mode
    methods: frozenset[str]
    times: int | None = 1
    """None for always."""
    chance: float = 1.0
    containing: str = ""
    """It hits only requests with this text in them."""


@dataclass
class FaultProxy:
    """One endpoint's front door."""

    target: str
    rng: random.Random
    witness: Witness | None = None
    url: str = ""
    strikes: list[Strike] = field(default_factory=list)
    struck: Counter[Mode] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    """Every operation that a worker sent, repeated ones too, with what the journal held at that moment."""
    _client: aiohttp.ClientSession | None = None
    _first: dict[bytes, bytes] = field(default_factory=dict)
    _passed: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self, strikes: Sequence[Strike]) -> None:
        """Let these happen from now on; what was said so far is no stale answer any more."""
        self.strikes = list(strikes)
        self._first.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on, or do to it what its turn is."""
        asked = orjson.loads(await request.read())
        methods = [item["method"] for item in (asked if isinstance(asked, list) else [asked])]
        self.calls.update(methods)
        if SEND in methods:
            await self._write_down(asked)
        mode = self._mode(methods, str(asked))
        if mode is None:
            return _answer(await self._passed_on(asked))
        self.struck[mode] += 1
        return await self._deeds[mode](request, asked)

    def _mode(self, methods: list[str], text: str) -> Mode | None:
        for strike in self.strikes:
            hits = strike.methods.intersection(methods) and strike.containing in text
            if strike.times == 0 or not hits:
                continue
            if self.rng.random() < strike.chance:
                strike.times = None if strike.times is None else strike.times - 1
                return strike.mode
        return None

    async def _write_down(self, asked: Asked) -> None:
        operation, entry_point = asked["params"]
        known = self.witness is None or await asyncio.to_thread(self.witness, operation)
        self.sent.append(Sent(time.monotonic(), operation, entry_point, known))

    async def _passed_on(self, asked: Asked) -> bytes:
        if self._client is None:
            # A connection each: the other side may close one that was idle just when it is wanted again.
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        async with self._client.post(self.target, json=asked) as answer:
            said = await answer.read()
        self._first.setdefault(_question(asked), said)
        self._passed.set()
        return said

    @property
    def _deeds(self) -> dict[Mode, Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]]:
        return {
            Mode.DELAY: self._delay,
            Mode.CUT: self._cut,
            Mode.SWALLOW: self._swallow,
            Mode.DUPLICATE: self._duplicate,
            Mode.REORDER: self._reorder,
            Mode.STALE: self._stale,
            Mode.LIE: self._lie,
            Mode.GARBAGE: self._garbage,
            Mode.DRIP: self._drip,
        }

    async def _delay(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        await asyncio.sleep(DELAY_S)
        return _answer(await self._passed_on(asked))

    async def _cut(self, request: web.Request, _asked: Asked) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.close()
        return web.Response()

    async def _swallow(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        await self._passed_on(asked)
        return await self._cut(request, asked)

    async def _duplicate(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        await self._passed_on(asked)
        return _answer(await self._passed_on(asked))

    async def _reorder(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        self._passed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed.wait(), OVERTAKEN_AFTER_S)
        return _answer(await self._passed_on(asked))

    async def _stale(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        said = self._first.get(_question(asked)) or await self._passed_on(asked)
        return _answer(orjson.dumps({**orjson.loads(said), "id": asked["id"]}))

    async def _lie(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        told = orjson.loads(await self._passed_on(asked))
        return _answer(orjson.dumps({**told, "result": untrue(told.get("result"))}))

    async def _garbage(self, _request: web.Request, asked: Asked) -> web.StreamResponse:
        said = await self._passed_on(asked)
        kinds = (
            said[: len(said) // 2],
            b"<html>bad gateway</html>",
            b"[" * 10_000,
            self.rng.randbytes(300),
            b"",
        )
        return _answer(self.rng.choice(kinds))

    async def _drip(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        said = await self._passed_on(asked)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for place in range(len(said)):
            await response.write(said[place : place + 1])
            await asyncio.sleep(DRIP_S)
        return response

    async def close(self) -> None:
        """Close the connections behind it."""
        if self._client is not None:
            await self._client.close()


def untrue(result: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Turn a hash into another, and a receipt into that of another block and outcome."""
    if isinstance(result, str):
        return result[:-2] + f"{int(result[-2:], 16) ^ 0xFF:02x}"
    if isinstance(result, dict) and "status" in result:
        lied = {"status": "0x0", "blockHash": untrue(result["blockHash"])}
        return {
            **result,
            **lied,
            "logs": [{**log, "blockHash": lied["blockHash"]} for log in result["logs"]],
        }
    return result


def _question(asked: Asked) -> bytes:
    if isinstance(asked, list):
        return b""
    return orjson.dumps([asked["method"], asked.get("params", [])])


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


@asynccontextmanager
async def fault_proxy(
    target: str, *strikes: Strike, seed: int = 0, witness: Witness | None = None, path: str = "/"
) -> AsyncIterator[FaultProxy]:
    """Stand before an endpoint until the block ends; `path` is part of its URL, as API keys are.

    It has a thread of its own: whoever waits for a worker to end must not stop what that worker still asks.
    """
    proxy = FaultProxy(target, random.Random(seed), witness, strikes=list(strikes))
    ready, over = Future[str](), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_until_complete, args=(_stand(proxy, path, ready, over),), daemon=True)
    thread.start()
    try:
        proxy.url = await asyncio.wrap_future(ready)
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        await asyncio.to_thread(thread.join)
        loop.close()


async def _stand(proxy: FaultProxy, path: str, ready: Future[str], over: asyncio.Event) -> None:
    app = web.Application()
    app.router.add_post(path, proxy.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}{path}")
        await over.wait()
    except Exception as error:
        if ready.done():
            raise
        ready.set_exception(error)
    finally:
        with suppress(asyncio.CancelledError):
            await runner.cleanup()
        await proxy.close()
