"""An event loop with virtual time: nothing waits, and the same seed gives the same order of everything."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

Result = TypeVar("Result")
OWNER: ContextVar["TaskOwner | None"] = ContextVar("OWNER", default=None)
"""Whose process a task belongs to; tasks inherit it from the task that made them."""

RESOLUTION_S = 1e-9
"""Timers no further apart are due together."""


class TaskOwner:
    """Collects the tasks of one simulated process, so that all of them can be dropped at once."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Take a task until it ends."""
        self.tasks[task] = None
        task.add_done_callback(lambda ended: self.tasks.pop(ended, None))


class Deadlock(AssertionError):
    """Nothing is ready and no timer runs: the program waits for nothing that could come."""


class _Call:
    """A callback to come, as `asyncio.Handle`, with nothing that only debugging needs."""

    __slots__ = ("arguments", "callback", "context", "is_cancelled")

    def __init__(
        self, callback: Callable[..., object], arguments: tuple[object, ...], context: Context | None
    ) -> None:
        self.callback = callback
        self.arguments = arguments
        self.context = copy_context() if context is None else context
        self.is_cancelled = False

    def cancel(self) -> None:
        """Never make the call."""
        self.is_cancelled = True

    def cancelled(self) -> bool:
        """Say whether it is never made."""
        return self.is_cancelled


class _Timer(float):
    """When a call is due; compared as the number that it is."""

    __slots__ = ("call",)
    call: _Call

    def when(self) -> float:
        """Return when it is due."""
        return float(self)

    def cancel(self) -> None:
        """Never make the call."""
        self.call.is_cancelled = True

    def cancelled(self) -> bool:
        """Say whether it is never made."""
        return self.call.is_cancelled


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs timers in order without waiting for any: the clock moves on when nothing is ready."""

    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._calls: deque[_Call] = deque()
        self._timers: list[_Timer] = []

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def call_soon(  # type: ignore[override]  # what it returns has all that callers use of a handle
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Call:
        """Make the call after those that are ready."""
        call = _Call(callback, args, context)
        self._calls.append(call)
        return call

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Timer:
        """Make the call when the clock shows `when`."""
        timer = _Timer(when)
        timer.call = _Call(callback, args, context)
        heappush(self._timers, timer)
        return timer

    def call_later(  # type: ignore[override]  # as above
        self, delay: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> _Timer:
        """Make the call so many seconds from now."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def create_task(  # type: ignore[override]  # typeshed knows one Python's keywords
        self,
        coro: Coroutine[Any, Any, Any],
        **named: Any,  # noqa: ANN401 - whatever this Python passes on
    ) -> "asyncio.Task[Any]":
        """Start a task, which belongs to whom the one that starts it belongs to."""
        task = asyncio.Task(coro, loop=self, **named)
        owner = OWNER.get()
        if owner is not None:
            owner.adopt(task)
        return task

    def _run_once(self) -> None:
        """Make every call that is ready now; those they ask for come next time."""
        calls = self._calls
        self._let_time_pass()
        for _ in range(len(calls)):
            call = calls.popleft()
            if call.is_cancelled:
                continue
            try:
                call.context.run(call.callback, *call.arguments)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - as every loop
                self.call_exception_handler({"message": f"{call.callback} raised", "exception": error})

    def _let_time_pass(self) -> None:
        """Move on to the next timer when nothing else is ready, and take what is due then."""
        calls, timers = self._calls, self._timers
        while timers and timers[0].call.is_cancelled:
            heappop(timers)
        if not calls and not self._stopping:
            if not timers:
                raise Deadlock("everything waits")
            self._now_s += max(timers[0] - self._now_s, 0.0)
        end_s = self._now_s + RESOLUTION_S
        while timers and timers[0] < end_s:
            calls.append(heappop(timers).call)


def run_virtual(main: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run to the end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
