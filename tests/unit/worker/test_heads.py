"""A look at a chain's head: one run that goes wrong keeps nothing of the others back."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import StaleRecord, StoreUnavailable
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.pipeline.context import ChainContext, Services
from agent.pipeline.follow import Followed
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.worker import first_look as first_look_module
from agent.worker import heads as heads_module
from agent.worker.board import Board
from agent.worker.finality import FinalityWatch
from agent.worker.first_look import first_look
from agent.worker.heads import Heads
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from agent.worker.watcher import Watcher
from tests.builders import CHAIN_ID
from tests.contract.journals import a_job, claimed, included, sent, tell
from tests.unit.worker.watch_stage import FakeChain, FakeClock

BUG = ValueError("a log that nobody can read")


class NoStore(MemoryJournal):
    """A journal that can be cut off."""

    is_out = False

    async def occurrence(self, occurrence_id: int) -> Occurrence:
        if self.is_out:
            raise StoreUnavailable("no answer")
        return await super().occurrence(occurrence_id)


class Stage:
    """Two runs in flight, the heads of their chain, and what a look at it is said to bring."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.journal, self.board = NoStore(), Board()
        self.services = Services(self.journal, FakeClock())
        self.observer = Observer(Metrics("0", "test"))
        self.lanes = Lanes(self.services, {}, self.board, self.observer)
        self.results: Sequence[Followed] = ()
        reader = FakeChain()
        self.chain = cast(
            "ChainContext", SimpleNamespace(reader=reader, agreed=reader, agreement=None, stream=None)
        )
        watcher = cast("Watcher", SimpleNamespace(chain=self.chain, is_behind=False))
        self.heads = Heads(self.services, watcher, {}, self.board, self.lanes, self.observer, Health())

        async def follow(*_: object, **__: object) -> Sequence[Followed]:
            return self.results

        monkeypatch.setattr(heads_module, "follow", follow)
        monkeypatch.setattr(first_look_module, "follow", follow)

    async def in_flight(self) -> list[Occurrence]:
        """Return two runs on their way, in the order in which they are followed."""
        rows = await claimed(self.journal, a_job("poison"), a_job("rent"))
        found = [await sent(self.journal, row, seed) for seed, row in enumerate(rows, 1)]
        for row in found:
            self.board.put(row)
        return found

    async def look(self) -> list[tuple[str, str]]:
        """Follow once; return which runs the observer was told of, and their states."""
        with capture_logs() as logs:
            try:
                await self.heads.follow()
            finally:
                await self.lanes.drain()
        return [(one["job"], one["state"]) for one in logs if one["event"] == "occurrence_changed"]

    def states(self) -> dict[str, State]:
        return {row.job_id: row.state for row in self.board}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


async def test_a_run_that_breaks_is_held_and_the_others_are_taken_and_told(stage: Stage) -> None:
    poison, rent = await stage.in_flight()
    stage.results = Followed(poison, BUG), Followed(rent, await included(stage.journal, rent))

    told = await stage.look()

    assert stage.states() == {"poison": State.HELD, "rent": State.INCLUDED_OK}
    assert sorted(told) == [("poison", "held"), ("rent", "included_ok")]
    held = await stage.journal.occurrence(poison.id)
    assert (held.state, held.held_from, held.code) == (State.HELD, State.SENT, "internal_error")


async def test_the_error_is_in_the_log(stage: Stage) -> None:
    poison, _ = await stage.in_flight()
    stage.results = (Followed(poison, BUG),)

    with capture_logs() as logs:
        await stage.heads.follow()

    (line,) = [one for one in logs if one["event"] == "follow_broken"]
    assert (line["occurrence"], line["exc_info"], line["log_level"]) == (poison.id, BUG, "error")


async def test_what_is_included_is_followed_on_for_a_reorg_may_take_it_back(stage: Stage) -> None:
    poison, _ = await stage.in_flight()
    stage.results = (Followed(await included(stage.journal, poison), BUG),)

    await stage.look()

    assert (await stage.journal.occurrence(poison.id)).state is State.INCLUDED_OK
    assert stage.states()["poison"] is State.INCLUDED_OK


async def test_one_that_is_held_already_is_not_held_again(stage: Stage) -> None:
    poison, _ = await stage.in_flight()
    stage.results = (Followed(await tell(stage.journal, poison, Event.HOLD, code="by_hand"), BUG),)

    assert await stage.look() == []

    assert (await stage.journal.occurrence(poison.id)).code == "by_hand"


async def test_a_store_that_is_gone_passes_up_and_what_is_known_of_the_others_stays(stage: Stage) -> None:
    poison, rent = await stage.in_flight()
    stage.results = (
        Followed(poison, StaleRecord("somebody else was first")),
        Followed(rent, await included(stage.journal, rent)),
    )
    stage.journal.is_out = True

    with pytest.raises(StoreUnavailable):
        await stage.look()

    assert stage.states() == {"poison": State.SENT, "rent": State.INCLUDED_OK}


async def test_a_cancellation_passes_up(stage: Stage) -> None:
    poison, rent = await stage.in_flight()
    stage.results = (
        Followed(poison, asyncio.CancelledError()),
        Followed(rent, await included(stage.journal, rent)),
    )

    with pytest.raises(asyncio.CancelledError):
        await stage.look()

    assert stage.states()["rent"] is State.INCLUDED_OK


async def test_a_worker_starts_whatever_one_run_does(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    poison, rent = await stage.in_flight()
    stage.results = Followed(poison, BUG), Followed(rent, await included(stage.journal, rent))

    async def no_break(_: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(FinalityWatch, "look", no_break)

    with capture_logs() as logs:
        await first_look(stage.services, {CHAIN_ID: stage.chain}, {}, stage.observer)

    events = [(one["event"], one["occurrence"]) for one in logs]
    assert events == [("follow_broken", poison.id), ("occurrence_changed", rent.id)]
