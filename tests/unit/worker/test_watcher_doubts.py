"""Looks that end halfway: a firing that was kept is never forgotten, whatever became of the answer."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from agent.domain.errors import StoreUnavailable
from agent.domain.evaluation import ChainView
from agent.domain.firing import Firing
from agent.domain.journal import Change
from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, Event
from agent.domain.units import Address, Timestamp
from agent.domain.watching import Firings, Glance, Memory
from agent.worker import watcher as watching
from agent.worker.watcher import Watcher
from tests.builders import NOW
from tests.unit.worker.watch_stage import FakeKind, Stage, WatchSpec


class Steady(FakeKind):
    """Says the same as long as the number stays low, fired or not."""

    def watch(
        self, spec: WatchSpec, account: Address, view: ChainView, memory: Memory, past: Firings
    ) -> Glance:
        glance = super().watch(spec, account, view, memory, past)
        return glance._replace(code="low" if glance.code in {"crossed", "between"} else glance.code)


async def a_stage() -> Stage:
    """Return a stage whose one job fires below 100 and is armed again at 110."""
    stage = Stage(kind=Steady())
    await stage.enrol()
    return stage


async def settle(stage: Stage) -> None:
    """End every open run."""
    for row in await stage.journal.occurrences():
        if row.state not in TERMINAL:
            await stage.journal.record(Change(row.id, row.version, Event.SKIP, NOW))


async def slots(stage: Stage) -> list[str]:
    """Return the firings that the journal has."""
    return [row.slot for row in await stage.journal.occurrences()]


def deny_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the answer to the next firing get lost behind the commit."""
    answer = stage.journal.fire

    async def fire(firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        await answer(firings, at)
        monkeypatch.setattr(stage.journal, "fire", answer)
        raise StoreUnavailable("the connection was lost")

    monkeypatch.setattr(stage.journal, "fire", fire)


async def cut_off(stage: Stage, watcher: Watcher, **numbers: int) -> None:
    """Cancel a look as soon as its firing is in the journal."""
    look = asyncio.create_task(watcher.poll(stage.chain.mine(**numbers)))
    while not await stage.journal.occurrences():
        await asyncio.sleep(0)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look


class TestDenied:
    async def test_a_firing_that_was_kept_and_denied_is_remembered_after_a_restart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        deny_once(stage, monkeypatch)
        await stage.mine(watcher, price=99)
        await stage.mine(watcher, price=98)
        await settle(stage)
        await stage.mine(watcher, price=97)
        stage.chain.final = stage.chain.head.number
        await stage.mine(stage.watcher(), price=96)
        assert await slots(stage) == ["1"]
        assert (await stage.journal.triggers(["order"]))["order"].seen.memory == {"armed": 0}

    async def test_no_reorg_takes_it_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=105)
        await stage.mine(watcher, price=120)
        deny_once(stage, monkeypatch)
        await stage.mine(watcher, price=99)
        await stage.mine(watcher, price=98)
        await settle(stage)
        stage.chain.reorg(3)
        for price in (105, 99, 98):
            stage.chain.mine(price=price)
        await stage.mine(watcher, price=97)
        assert await slots(stage) == ["1"]

    async def test_one_that_was_not_kept_leaves_its_job_armed_after_a_restart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = await a_stage()
        await stage.mine(stage.watcher(), price=99)
        await settle(stage)
        watcher = stage.watcher()
        with monkeypatch.context() as patch:
            patch.setattr(stage.journal, "remember", failing)
            await stage.mine(watcher, price=120)
        with monkeypatch.context() as patch:
            patch.setattr(stage.journal, "fire", failing)
            await stage.mine(watcher, price=90)
        await stage.mine(watcher, price=105)
        stage.chain.final = stage.chain.head.number
        await stage.mine(stage.watcher(), price=90)
        assert await slots(stage) == ["1", "2"]


class TestCutOff:
    async def test_a_look_that_ends_in_mid_commit_fires_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        answer = stage.journal.fire

        async def fire(firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
            rows = await answer(firings, at)
            await asyncio.sleep(60)
            return rows

        with monkeypatch.context() as patch:
            patch.setattr(stage.journal, "fire", fire)
            await cut_off(stage, watcher, price=99)
        await stage.mine(watcher, price=98)
        await settle(stage)
        await stage.mine(watcher, price=97)
        await stage.mine(stage.watcher(), price=96)
        assert await slots(stage) == ["1"]

    async def test_a_look_that_ends_while_it_hands_on_fires_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watching, "AT_A_TIME", 1)
        stage = Stage({"a": WatchSpec(), "b": WatchSpec()})
        await stage.enrol()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        await cut_off(stage, watcher, price=99)
        assert len(stage.started) < 2
        await settle(stage)
        await stage.mine(watcher, price=98)
        assert await slots(stage) == ["1", "1"]

    async def test_a_look_that_ends_while_it_judges_loses_no_firing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watching, "AT_A_TIME", 1)
        stage = Stage({"a": WatchSpec(), "b": WatchSpec()})
        await stage.enrol()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        stage.kind.looks.clear()
        look = asyncio.create_task(watcher.poll(stage.chain.mine(price=99)))
        while not stage.kind.looks:
            await asyncio.sleep(0)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        assert await slots(stage) == []
        await stage.mine(watcher)
        assert stage.slots == [("a", "1"), ("b", "1")]


class TestOthers:
    async def test_a_watcher_that_is_refused_takes_what_the_first_remembers(self) -> None:
        stage = await a_stage()
        first, second = stage.watcher(), stage.watcher()
        block = stage.chain.mine(price=120)
        await first.poll(block)
        await second.poll(block)
        block = stage.chain.mine(price=99)
        await first.poll(block)
        await second.poll(block)
        await settle(stage)
        await stage.mine(second, price=98)
        assert await slots(stage) == ["1"]
        assert (await stage.journal.triggers(["order"]))["order"].seen.memory == {"armed": 0}


class TestStart:
    async def a_capped(self, monkeypatch: pytest.MonkeyPatch) -> Stage:
        """Return a stage whose job has fired, so that a start asks what it spent; once it gets no answer."""
        stage = Stage({"order": WatchSpec(total=10)})
        await stage.enrol()
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)
        await settle(stage)
        await stage.mine(watcher, price=None)
        answer = stage.journal.spent

        async def spent() -> Mapping[str, int]:
            monkeypatch.setattr(stage.journal, "spent", answer)
            raise StoreUnavailable("the database is locked")

        monkeypatch.setattr(stage.journal, "spent", spent)
        return stage

    async def test_a_start_that_failed_counts_each_alarm_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = await self.a_capped(monkeypatch)
        watcher = stage.watcher()
        await stage.mine(watcher)
        await stage.mine(watcher)
        assert 'watch_alarms{chain="31337",code="unknown"} 1.0' in stage.metrics.render().decode()

    async def test_after_a_start_that_failed_a_new_job_hears_no_old_logs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = await self.a_capped(monkeypatch)
        for transaction in (1, 2):
            stage.chain.mine()
            stage.chain.emit("paid", transaction=transaction)
        stage.specs = {**stage.specs, "new": WatchSpec(logs="paid", again="never", name="other")}
        await stage.enrol()
        stage.chain.final = 2
        watcher = stage.watcher()
        await stage.mine(watcher, other=120)
        await stage.mine(watcher)
        assert [job for job, _ in stage.slots] == ["order"]


async def failing(*_: object) -> None:
    raise StoreUnavailable("the disk is full")
