"""A bundler's front door that writes down every operation that came through, and may keep the answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

SEND = "eth_sendUserOperation"
ESTIMATE = "eth_estimateUserOperationGas"


@dataclass
class Recorder:
    """What came through."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    """Every operation that a worker sent, repeated ones too."""
    keeps_answers: bool = False
    """Whether operations are passed on and their answers kept back."""
    estimates_left: int | None = None
    """How many more estimates are answered; None answers all."""

    @property
    def nonces(self) -> set[str]:
        """Return what was sent by its nonces: what got no answer for long goes again."""
        return {operation["nonce"] for operation in self.sent}

    def may_estimate(self) -> bool:
        """Count an estimate."""
        if self.estimates_left is None:
            return True
        self.estimates_left -= 1
        return self.estimates_left >= 0

    async def count(self) -> int:
        """Return how many were sent, once what is in the sockets has been read."""
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                async with session.get(self.url):
                    pass
        return len(self.sent)


@asynccontextmanager
async def recording(bundler_url: str) -> AsyncIterator[Recorder]:
    """Stand before a bundler until the block ends."""
    recorder, over = Recorder(), asyncio.Event()
    # A connection each: the bundler may close one that was idle just when it is wanted again.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as behind:

        async def take(request: web.Request) -> web.Response:
            asked = await request.json()
            is_send = asked["method"] == SEND
            if asked["method"] == ESTIMATE and not recorder.may_estimate():
                await over.wait()
            if is_send:
                recorder.sent.append(asked["params"][0])
            async with behind.post(bundler_url, json=asked) as answer:
                said = await answer.read()
            if is_send and recorder.keeps_answers:
                await over.wait()
            return web.Response(body=said, content_type="application/json")

        async def greet(_request: web.Request) -> web.Response:
            return web.Response()

        app = web.Application()
        app.router.add_post("/", take)
        app.router.add_get("/", greet)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        recorder.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield recorder
        finally:
            # Nobody is left waiting: a task that is never ended complains into whatever runs next.
            over.set()
            await runner.cleanup()
