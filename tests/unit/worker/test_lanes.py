"""Whose turn it is: the lane's or the head's."""

import asyncio

import pytest

from agent.adapters.memory.journal import MemoryJournal
from agent.domain.errors import StoreUnavailable
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.pipeline.context import Services
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from tests.builders import NOW, an_occurrence


class SlowClock:
    """A clock that answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def now(self) -> Timestamp:
        self.asked.set()
        await self.may_answer.wait()
        return NOW

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.mark.parametrize(
    ("state", "in_a_step"),
    [
        (State.DUE, True),
        (State.PLANNED, True),
        (State.EXPIRED, True),
        (State.SENT, False),
        (State.INCLUDED_OK, False),
        (State.HELD, False),
    ],
)
async def test_a_lane_that_only_looks_leaves_its_run_to_the_heads(state: State, *, in_a_step: bool) -> None:
    clock, board = SlowClock(), Board()
    lanes = Lanes(Services(MemoryJournal(), clock), {}, board, Observer(Metrics("0", "test")))
    board.put(an_occurrence(state))
    lanes.wake("rent")
    await clock.asked.wait()

    assert (lanes.busy, lanes.works_on("rent")) == (True, in_a_step)

    clock.may_answer.set()
    await lanes.drain()
    assert not lanes.works_on("rent")


class NoStore(MemoryJournal):
    """A journal that does not answer."""

    async def occurrence(self, occurrence_id: int) -> Occurrence:
        raise StoreUnavailable("no answer")


class BrokenClock(SlowClock):
    """A clock that breaks in a way that nobody thought of."""

    async def now(self) -> Timestamp:
        raise ZeroDivisionError


async def test_a_lane_that_breaks_while_the_store_is_gone_leaves_no_error_behind() -> None:
    board = Board()
    lanes = Lanes(Services(NoStore(), BrokenClock()), {}, board, Observer(Metrics("0", "test")))
    board.put(an_occurrence(State.DUE))
    lanes.wake("rent")
    (lane,) = (task for task in asyncio.all_tasks() if task.get_name() == "lane rent")

    await asyncio.wait([lane])

    assert lane.exception() is None
    assert not lanes.busy
