"""Ask again what no node answered. Only reads come through here: they have no effect, a send has."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

READ_ATTEMPTS = 3
WAIT_S, LONGEST_WAIT_S = 0.1, 1.0
TIMEOUT_S = 20.0
"""After which nothing is asked again, counted from the first time."""
Answer = TypeVar("Answer")


async def until_answered(ask: Callable[[], Awaitable[Answer]], silence: type[Exception]) -> Answer:
    """Return the answer to the first question that does not end in `silence`; raise that of the last one."""
    began = time.monotonic()
    try:
        # Nearly all are answered at once, and the bookkeeping of retries is more work than such a read.
        return await ask()
    except silence as error:
        first = error
    left_s = max(TIMEOUT_S - (time.monotonic() - began), WAIT_S)
    async for attempt in stamina.retry_context(
        on=silence, attempts=READ_ATTEMPTS, wait_initial=WAIT_S, wait_max=LONGEST_WAIT_S, timeout=left_s
    ):
        with attempt:
            if attempt.num == 1:
                raise first
            return await ask()
    raise AssertionError("unreachable: the last attempt raises")
