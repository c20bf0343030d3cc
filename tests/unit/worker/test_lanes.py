"""Whose turn it is: the lane's or the head's."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.adapters.memory.journal import MemoryJournal
from agent.domain.errors import ChainUnavailable, StoreUnavailable
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import CatchUp
from agent.domain.states import Event, State
from agent.domain.units import Address, Timestamp
from agent.pipeline.context import JobContext, Services
from agent.ports import BlockTag
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from tests.builders import ENTRY_POINT, NOW, a_hash, an_inclusion, an_occurrence
from tests.contract.journals import sent, tell
from tests.unit.pipeline.lane_chain import GRACE_S, LANE, Landed, Node, a_definition, a_journal, at
from tests.unit.pipeline.test_follow_failure import Clock


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


async def blocked(
    node: Node, seconds: int, *, catch_up: CatchUp = CatchUp.NONE, seen: bool = False
) -> tuple[Occurrence, list[BlockTag]]:
    """Return the second slot, and what the chain was asked, so long after it was due.

    The first slot's operation is on its way all the time, or was `seen` in a block.
    """
    clock = Clock(at(1, seconds))
    journal, (first, second) = await a_journal(2)
    first = await sent(journal, first)
    if seen:
        first = await tell(journal, first, Event.SEE_OK, inclusion=an_inclusion())
    second = await tell(journal, second, Event.POSTPONE)
    board = Board()
    board.put(first)
    # What is caught up was seen only now.
    board.put(replace(second, created_at=clock.time) if catch_up is CatchUp.LATEST else second)
    chain = SimpleNamespace(agreed=node, entry_point=ENTRY_POINT, sender_cap=4)
    definition = a_definition(catch_up=catch_up)
    job = cast("JobContext", SimpleNamespace(definition=definition, chain=chain, nonce_key=LANE))
    lanes = Lanes(Services(journal, clock), {"rent": job}, board, Observer(Metrics("0", "test")))
    lanes.wake("rent")
    (lane,) = (task for task in asyncio.all_tasks() if task.get_name() == "lane rent")
    await asyncio.wait([lane])
    return await journal.occurrence(second.id), node.asked


def a_lane(*sequences: int) -> Node:
    """Return a chain on which these sequences of the lane landed, the first of all being before them."""
    return Node(
        [Landed(-1, at(0), a_hash(8)), *(Landed(one, at(one, 60), a_hash(9 + one)) for one in sequences)]
    )


async def test_a_slot_whose_grace_ends_behind_an_open_one_is_given_up() -> None:
    after, _ = await blocked(a_lane(), GRACE_S + 1)
    assert (after.state, after.code) == (State.FAILED, "lane_blocked")
    in_time, asked = await blocked(a_lane(), GRACE_S)
    assert (in_time.state, asked) == (State.DUE, [])


async def test_what_was_caught_up_has_its_grace_from_when_it_was_seen() -> None:
    after, _ = await blocked(a_lane(), 5 * GRACE_S, catch_up=CatchUp.LATEST)
    assert after.state is State.DUE


@pytest.mark.parametrize(("used", "seen"), [((0, 1), False), ((0, 1), True), ((0,), False)])
async def test_what_a_lost_journal_may_have_paid_is_not_given_up_behind_an_open_one(
    used: tuple[int, ...], *, seen: bool
) -> None:
    """Its payment is booked once the lane's past is read; what has failed here could not be any more."""
    after, _ = await blocked(a_lane(*used), GRACE_S + 1, seen=seen)
    assert after.state is State.DUE


async def test_the_open_ones_own_operation_is_no_unknown_use_of_the_lane() -> None:
    after, _ = await blocked(a_lane(0), GRACE_S + 1, seen=True)
    assert (after.state, after.code) == (State.FAILED, "lane_blocked")


class Mute(Node):
    """A node that does not answer."""

    async def call(self, target: Address, data: bytes, tag: BlockTag) -> bytes:
        raise ChainUnavailable("no answer")


async def test_where_nobody_knows_the_lane_nothing_is_given_up() -> None:
    after, asked = await blocked(Mute(a_lane().landed), GRACE_S + 1)
    assert (after.state, asked) == (State.DUE, ["latest"])
