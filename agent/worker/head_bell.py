"""Look at a chain's head as soon as its stream rings, not only at the next poll."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import structlog

from agent.ports import HeadStream
from agent.worker.heads import STREAM, Heads

log = structlog.get_logger()
LEAST_S = 0.05
"""Between two looks: a stream that never stops ringing costs no more than this."""


@asynccontextmanager
async def heeded_streams(chains: Iterable[Heads], then: Callable[[], None]) -> AsyncIterator[None]:
    """Heed the streams of the chains that have one while the body runs; `then` follows each look."""
    tasks = [
        asyncio.create_task(_heed(heads, heads.stream, then), name=f"head stream {heads.chain_id}")
        for heads in chains
        if heads.stream is not None
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _heed(heads: Heads, stream: HeadStream, then: Callable[[], None]) -> None:
    bell = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stream.follow(bell.set))
            group.create_task(_look(heads, bell, then))
    except Exception:
        # The polls go on without it.
        log.exception("head_stream_broken", chain=heads.chain_id)


async def _look(heads: Heads, bell: asyncio.Event, then: Callable[[], None]) -> None:
    while True:
        await bell.wait()
        bell.clear()
        try:
            await heads.look(STREAM)
        except Exception:
            # Such as a store that does not answer: the stream is as good as before, the next head comes.
            log.exception("head_look_failed", chain=heads.chain_id)
        then()
        await asyncio.sleep(LEAST_S)
