"""Proxies in front of the real node and the real bundler, which lie, swallow and record."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

Asked = dict[str, Any]
Answer = dict[str, Any]
Lie = Callable[[Asked, Answer], Answer]
"""Turns the true answer to a question into another."""


@dataclass
class Proxy:
    """Passes requests on, as long as nothing else is said."""

    target: str
    url: str = ""
    lie: Lie | None = None
    swallows: bool = False
    """Hang up instead of passing on."""
    swallows_sends: bool = False
    """Hang up on operations alone."""
    received: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on."""
        asked = orjson.loads(await request.read())
        self.received.append(asked)
        if self.swallows or (self.swallows_sends and asked["method"] == "eth_sendUserOperation"):
            return web.Response(status=502, body=b"<html>bad gateway</html>")
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.target, json=asked) as answer,
        ):
            told = orjson.loads(await answer.read())
        told = told if self.lie is None else self.lie(asked, told)
        return web.Response(body=orjson.dumps(told), content_type="application/json")

    def params_of(self, method: str) -> list[Any]:
        """Return the parameters of every request for a method."""
        return [asked["params"] for asked in self.received if asked["method"] == method]


@asynccontextmanager
async def proxy(target: str, lie: Lie | None = None, *, swallows: bool = False) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a URL."""
    made = Proxy(target, lie=lie, swallows=swallows)
    app = web.Application()
    app.router.add_post("/", made.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        made.url = str(server.make_url("/"))
        yield made
