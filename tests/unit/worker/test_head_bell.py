"""A stream of heads rings for each of them, whatever became of the look before."""

import asyncio
from collections.abc import Callable
from typing import cast

from structlog.testing import capture_logs

from agent.domain.errors import StoreUnavailable
from agent.worker.head_bell import heeded_streams
from agent.worker.heads import Heads
from tests.builders import CHAIN_ID

PATIENCE_S = 60.0


class Stream:
    """Rings when the test says so."""

    is_live = True

    def __init__(self) -> None:
        self.wake: asyncio.Future[Callable[[], None]] = asyncio.get_running_loop().create_future()

    async def follow(self, wake: Callable[[], None]) -> None:
        self.wake.set_result(wake)
        await asyncio.Event().wait()


class Looks:
    """Heads whose looks fail one after the other, until none is left that does."""

    chain_id = CHAIN_ID

    def __init__(self, *failures: Exception) -> None:
        self.stream, self.failures = Stream(), list(failures)
        self.looked: asyncio.Queue[str] = asyncio.Queue()

    async def look(self, source: str) -> None:
        self.looked.put_nowait(source)
        if self.failures:
            raise self.failures.pop(0)


async def test_a_look_that_fails_is_logged_and_the_next_head_is_looked_at() -> None:
    heads = Looks(ValueError("a bug"), StoreUnavailable("no answer"))
    woken: asyncio.Queue[None] = asyncio.Queue()
    with capture_logs() as logs:
        async with (
            asyncio.timeout(PATIENCE_S),
            heeded_streams([cast("Heads", heads)], lambda: woken.put_nowait(None)),
        ):
            ring = await heads.stream.wake
            for _ in range(3):
                ring()
                assert await heads.looked.get() == "stream"
                await woken.get()

    assert [one["event"] for one in logs] == ["head_look_failed"] * 2
