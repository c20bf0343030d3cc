"""One run of one job that a test follows by hand, and a bundler that a test may come before."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer, UnknownAnswer
from agent.domain.states import State
from agent.pipeline.context import JobContext
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.recover import flights
from agent.ports import Bundler
from tests.bundling import Bundling
from tests.devnet import HAPPENS_WITHIN_S
from tests.integration.paying import Paying
from tests.operator import Operator


class LateBundler:
    """A bundler before whose first operation something happens."""

    def __init__(self, bundler: Bundler, before: Callable[[], Awaitable[None]]) -> None:
        self._bundler = bundler
        self._before = before
        self.is_deaf = False
        """Whether nothing that is sent arrives."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self._bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Send it once it has happened."""
        await self._before()
        if self.is_deaf:
            return UnknownAnswer("timeout")
        return await self._bundler.send(operation)


@dataclass
class Story:
    """One run of one job, followed by hand."""

    paying: Paying
    run: Occurrence
    job: JobContext
    operator: Operator
    bundler: LateBundler
    bundling: Bundling
    known: tuple[JournaledOperation, ...] = ()
    """What an older journal knows of the operations; empty stands for all."""

    async def look(self) -> Occurrence:
        """Follow the run once, as the worker does at a head."""
        services = self.paying.world.services
        jobs: Mapping[str, JobContext] = {self.job.definition.id: self.job}
        self.run = await services.journal.occurrence(self.run.id)
        (found,) = await flights(services, jobs, [self.run])
        found = replace(found, operations=self.known or found.operations)
        for result in await follow(services, self.job.chain, [found], LogScan()):
            if isinstance(result.outcome, BaseException):
                raise result.outcome
            self.run = result.outcome
        return self.run

    async def until(self, *states: State) -> Occurrence:
        """Follow until the run is in one of these states."""
        async with asyncio.timeout(HAPPENS_WITHIN_S):
            while (await self.look()).state not in states:
                await asyncio.sleep(0.1)
        return self.run

    async def bundle(self, state: State = State.INCLUDED_OK) -> None:
        """Let the bundler go to work, and follow until the run is in this state."""
        await self.bundling.go_on()
        await self.until(state)

    async def operations(self) -> tuple[JournaledOperation, ...]:
        return await self.paying.world.services.journal.operations(self.run.id)

    async def events(self) -> list[str]:
        entries = await self.paying.world.services.journal.entries(self.run.id)
        return [entry.event for entry in entries]
