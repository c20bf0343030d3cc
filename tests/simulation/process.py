"""One simulated process of the agent: between it and the world stands what delays, stops and kills it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any, NoReturn

from agent.domain.errors import StoreUnavailable
from agent.domain.journal import Change
from agent.domain.states import Event
from agent.pipeline.gate import Gate
from tests.simulation.dice import Dice
from tests.simulation.loop import TaskOwner
from tests.simulation.recorder import Recorder

Port = Callable[..., Awaitable[Any]]
WRITES = frozenset({"enroll", "claim_due", "record", "append", "hold", "release_hold", "watch"})


class Process(TaskOwner):
    """Owns its tasks; once dead none of its calls has an effect, and once stopped none returns."""

    def __init__(self, name: str, dice: Dice, recorder: Recorder) -> None:
        super().__init__()
        self.name = name
        self.is_dead = False
        self.clock_offset_s = 0
        self.gate: Gate | None = None
        self.drain: Callable[[], Awaitable[None]] | None = None
        self._dice = dice
        self._strikes = dice.strikes
        self._recorder = recorder
        self._running = asyncio.Event()
        self._running.set()
        self._disk_full_until_s = 0.0

    def die(self, why: str) -> None:
        """End at once, as with kill -9."""
        if not self.is_dead:
            self._recorder.note(self.name, "dies:", why)
            self.is_dead = True
            for task in tuple(self.tasks):
                task.cancel()

    def stop(self) -> None:
        """Stand still, as with SIGSTOP."""
        self._recorder.note(self.name, "stops")
        self._running.clear()

    def go_on(self) -> None:
        """Go on, as with SIGCONT."""
        if not self._running.is_set():
            self._recorder.note(self.name, "goes on")
            self._running.set()

    async def through(self, step: str, call: Port, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - any port
        """Make a call of a port, if the process gets as far, and return if it lives on."""
        before, after = CRASHES.get(step, ANYWHERE)
        if (delay := self._delay()) is not None:
            await delay
        if self._strikes(before):
            self._crash(f"before {step}")
        try:
            result = await call(*arguments, **named)
        except Exception as error:
            self._recorder.note(self.name, step, "raised", type(error).__name__)
            raise
        self._recorder.note(self.name, step)
        if self._strikes(after):
            self._crash(f"after {step}")
        if (delay := self._delay()) is not None:
            await delay
        return result

    async def written(self, step: str, call: Port, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - any port
        """Write to the store, which may be full, or fail after it wrote."""
        now_s = asyncio.get_running_loop().time()
        if self._dice.strikes("F21"):
            self._disk_full_until_s = now_s + self._dice.between(1, 40)
        if now_s < self._disk_full_until_s and not self._dice.quiet:
            raise StoreUnavailable("database or disk is full")
        result = await call(*arguments, **named)
        if self._dice.strikes("F24"):
            raise StoreUnavailable(f"the connection was lost after {step}")
        return result

    def _delay(self) -> Coroutine[Any, Any, None] | None:
        """Return what the call has to wait for: most need not."""
        if self.is_dead:
            raise asyncio.CancelledError
        pause_s = None
        if self._strikes("F35"):
            pause_s = self._dice.between(0.5, 12)
        elif self._dice.random.random() < 0.1:
            pause_s = self._dice.between(0, 0.2)
        return None if pause_s is None and self._running.is_set() else self._wait(pause_s)

    async def _wait(self, pause_s: float | None) -> None:
        if pause_s is not None:
            await asyncio.sleep(pause_s)
        while not self._running.is_set():
            await self._running.wait()
        if self.is_dead:
            raise asyncio.CancelledError

    def _crash(self, where: str) -> NoReturn:
        self.die(where)
        raise asyncio.CancelledError


class Guarded:
    """Stands before a port and lets every call of it go through the process."""

    def __init__(self, port: object, process: Process, name: str) -> None:
        self._port = port
        self._process = process
        self._name = name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of any port
        found = getattr(self._port, name)
        if iscoroutinefunction(found):
            found = self._written(name, found) if name in WRITES else self._through(name, found)
        if not isinstance(getattr(type(self._port), name, None), property):
            self.__dict__[name] = found
        return found

    def _through(self, name: str, method: Port) -> Port:
        through, step = self._process.through, f"{self._name}.{name}"

        async def call(*arguments: object, **named: object) -> object:
            return await through(step, method, *arguments, **named)

        return call

    def _written(self, name: str, method: Port) -> Port:
        process = self._process

        async def call(*arguments: object, **named: object) -> object:
            step = f"{self._name}.{step_of(name, arguments)}"
            return await process.through(step, process.written, step, method, *arguments, **named)

        return call


def step_of(method: str, arguments: tuple[object, ...]) -> str:
    """Name the step that a write is."""
    for argument in arguments:
        if isinstance(argument, Change):
            return f"{method}-{argument.event}"
    return method


ANYWHERE = "F38", "F38"
CRASHES = {
    "store.claim_due": ("F01", "F01"),
    f"store.record-{Event.CLAIM}": ("F01", "F01"),
    f"store.record-{Event.PLAN}": ("F02", "F02"),
    f"store.append-{Event.SIGN}": ("F03", "F04"),
    f"store.append-{Event.RAISE}": ("F06", "F06"),
    f"store.record-{Event.SEND}": ("F04", "F05"),
    f"store.record-{Event.ANSWER}": ("F05", "F05"),
    "bundler.send": ("F05", "F05"),
}
