"""One thread writes: it takes everything that is queued, commits once, and then answers everybody."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from agent.adapters.journal.command import Command
from agent.domain.errors import StoreUnavailable

MOST_AT_ONCE = 512

T = TypeVar("T")
RunBatch = Callable[[Sequence[Command[object]]], Sequence[object]]
"""Runs commands in one transaction; returns a result or an exception for each, after fsync."""

Job = tuple[Command[object], "asyncio.Future[Any]"]


class Writer:
    """Queues commands of many tasks for the one thread."""

    def __init__(self, run_batch: RunBatch) -> None:
        self._run_batch = run_batch
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def submit(self, command: Command[T]) -> T:
        """Run the command and return its result once it is on disk."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Nothing may be queued behind the end mark: nobody would ever answer it.
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the journal is closed")
            self._queue.put((command, future))
        result: T = await future
        return result

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            if batch:
                results = self._run_batch([command for command, _ in batch])
                _answer([future for _, future in batch], results)

    def _take(self) -> tuple[list[Job], bool]:
        job = self._queue.get()
        batch: list[Job] = []
        with suppress(Empty):
            while job is not None:
                batch.append(job)
                if len(batch) == MOST_AT_ONCE:
                    return batch, True
                job = self._queue.get_nowait()
            return batch, False
        return batch, True


def _answer(futures: Sequence["asyncio.Future[Any]"], results: Sequence[object]) -> None:
    # One wake-up for the whole batch: a call per future would cost more than the write.
    with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
        futures[0].get_loop().call_soon_threadsafe(_resolve, futures, results)


def _resolve(futures: Sequence["asyncio.Future[Any]"], results: Sequence[object]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():  # cancelled while it waited; the record is written all the same
            continue
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
