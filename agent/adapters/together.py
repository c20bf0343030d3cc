"""One request for everybody who asks the same in one turn of the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class _Asked(Generic[Answer]):
    """A request and how many wait for it."""

    task: asyncio.Task[Answer]
    waiting: "list[asyncio.Future[Answer]]" = field(default_factory=list)
    left: int = 0
    """How many of them are still there."""

    def answered(self, task: asyncio.Task[Answer]) -> None:
        """Give what came of it to all who wait."""
        if task.cancelled():
            for future in self.waiting:
                future.cancel()
            return
        error = task.exception()
        for future in self.waiting:
            if future.done():
                # One who was cancelled went alone.
                continue
            if error is None:
                future.set_result(task.result())
            else:
                future.set_exception(error)


class Together(Generic[Key, Answer]):
    """Joins those who ask before a request leaves; nobody is given the answer to one that left earlier.

    So an answer is never older than its question, and nothing is remembered.
    """

    def __init__(self) -> None:
        self._open: dict[Key, _Asked[Answer]] = {}

    async def ask(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask as the first one does who gives a key; return or raise what comes of it to all who give it."""
        asked = self._open.get(key)
        if asked is None:
            # Whoever asks first binds nothing to the log lines of the others.
            task = asyncio.create_task(self._left(key, ask), context=Context())
            asked = self._open[key] = _Asked(task)
            task.add_done_callback(asked.answered)
        # A future for each, and one call for all of them: a shield costs both of them and two calls more.
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asked.waiting.append(future)
        asked.left += 1
        try:
            return await future
        finally:
            asked.left -= 1
            if not asked.left:
                self._forget(key, asked)

    async def _left(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        del self._open[key]
        return await ask()

    def _forget(self, key: Key, asked: _Asked[Answer]) -> None:
        """Let nothing run on that nobody waits for."""
        if self._open.get(key) is asked:
            del self._open[key]
        if not asked.task.cancel() and not asked.task.cancelled():
            # Looked at once, so that the loop does not report it as an error nobody saw.
            asked.task.exception()
