"""What keeps a watched job from firing: a person, a hold, a kill, a bug of its kind; it stays armed."""

import pytest

from agent.domain.hold import Hold, JobScope
from agent.domain.kill import KillOrder
from tests.builders import NOW
from tests.unit.worker.test_watcher import a_stage, failing
from tests.unit.worker.watch_stage import Stage, WatchSpec


async def test_a_paused_job_stays_armed_and_fires_when_it_is_resumed() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.journal.pause("order", "holiday", NOW)
    await stage.mine(watcher, price=99)
    await stage.mine(watcher, price=98)
    assert stage.slots == []
    await stage.journal.resume("order", NOW)
    await stage.mine(watcher)
    assert stage.slots == [("order", "1")]


async def test_a_held_job_does_not_fire() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher, price=120)
    await stage.journal.hold(Hold(JobScope("order"), "killed", "by hand", NOW))
    await stage.mine(watcher, price=99)
    assert stage.slots == []


async def test_a_kill_that_the_journal_does_not_know_yet_stops_firings() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    order = KillOrder(JobScope("order"), "one", "by hand")
    stage.gate.stop(order)
    await stage.mine(watcher, price=99)
    await stage.mine(watcher)
    assert stage.slots == []
    assert await stage.journal.occurrences() == ()
    stage.gate.forget([order])
    await stage.mine(watcher)
    assert stage.slots == [("order", "1")]


async def test_a_kind_that_raises_holds_its_job_and_no_other() -> None:
    stage = Stage({"bad": WatchSpec(name="bad"), "good": WatchSpec(name="good")})
    await stage.enrol()
    stage.kind.poison.add("bad")
    watcher = stage.watcher()
    await stage.mine(watcher, bad=99, good=99)
    await stage.mine(watcher, bad=98, good=98)
    assert stage.slots == [("good", "1")]
    (hold,) = await stage.journal.holds()
    assert (hold.scope, hold.code) == (JobScope("bad"), "internal_error")
    assert len([look for look in stage.kind.looks if look[0] == 2]) == 1

    stage.kind.poison.clear()
    await stage.journal.release_hold(JobScope("bad"), "internal_error", "mended", NOW)
    await stage.mine(watcher)
    assert ("bad", "1") in stage.slots


async def test_a_hold_that_cannot_be_kept_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage({"bad": WatchSpec(name="bad"), "good": WatchSpec(name="good")})
    await stage.enrol()
    stage.kind.poison.add("bad")
    watcher, hold = stage.watcher(), stage.journal.hold
    monkeypatch.setattr(stage.journal, "hold", failing)
    await stage.mine(watcher, bad=99, good=99)
    assert stage.slots == [("good", "1")]
    monkeypatch.setattr(stage.journal, "hold", hold)
    await stage.mine(watcher)
    assert [found.scope for found in await stage.journal.holds()] == [JobScope("bad")]
