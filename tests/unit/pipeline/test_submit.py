"""However many are signed at once, few are sent at once, each from its record to its answer."""

import asyncio
from dataclasses import replace
from typing import cast

from agent.domain.journal import Change
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import Accepted, SendAnswer
from agent.domain.states import Event, State
from agent.pipeline.context import SENDS_AT_ONCE, Services
from agent.pipeline.submit import submit
from agent.ports import Bundler, Clock, Journal
from tests.builders import NOW, a_journaled_operation, an_occurrence

OPERATION = a_journaled_operation()
SIGNED = an_occurrence(State.SIGNED)


class Stage:
    """A journal, a clock and a bundler that answers when it is told to."""

    name = "stage"

    def __init__(self) -> None:
        self.recorded: list[Event] = []
        self.sent = 0
        self.answers = asyncio.Event()

    async def now(self) -> int:
        return NOW

    async def record(self, change: Change) -> Occurrence:
        self.recorded.append(change.event)
        return replace(SIGNED, state=State.SENT)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        self.sent += 1
        await self.answers.wait()
        return Accepted(operation.user_op_hash)


async def test_what_waits_for_its_turn_is_neither_sent_nor_recorded_as_sent() -> None:
    stage = Stage()
    services = Services(cast("Journal", stage), cast("Clock", stage))
    more = SENDS_AT_ONCE + 8

    async with asyncio.TaskGroup() as group:
        for _ in range(more):
            group.create_task(submit(services, cast("Bundler", stage), SIGNED, OPERATION))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (stage.sent, stage.recorded) == (SENDS_AT_ONCE, [Event.SEND] * SENDS_AT_ONCE)
        stage.answers.set()

    assert stage.sent == more
    assert (stage.recorded.count(Event.SEND), stage.recorded.count(Event.ANSWER)) == (more, more)
