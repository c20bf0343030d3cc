"""What a plan says that watched jobs see is what the worker would see."""

from types import SimpleNamespace
from typing import cast

import pytest

from agent.commands.plan_watch import WatchOutlook, watch_outlooks
from agent.definitions.records import Definitions
from agent.domain.job_caps import JobCapKey
from agent.domain.journal import Change
from agent.domain.states import Event
from tests.builders import CHAIN_ID, NOW
from tests.unit.worker.watch_stage import Stage, WatchSpec


async def seen(stage: Stage) -> WatchOutlook:
    """Return what the plan says of the stage's one job."""
    definitions = cast("Definitions", SimpleNamespace(kinds={"fake": stage.kind}))
    chains, (job,) = {CHAIN_ID: stage.context()}, stage.jobs()
    (found,) = await watch_outlooks(definitions, chains, stage.journal, [job.definition])
    return found


async def test_a_job_that_fires_now_is_told_with_what_is_left_of_its_total(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage({"order": WatchSpec(level=True, total=10)})
    await stage.enrol()
    await stage.mine(stage.watcher(), price=99)
    assert not (await seen(stage)).fires
    (row,) = stage.started
    await stage.journal.record(Change(row.id, row.version, Event.SKIP, NOW))

    async def spent() -> dict[str, int]:
        return {str(JobCapKey("order", "total")): 7}

    monkeypatch.setattr(stage.journal, "spent", spent)
    found = await seen(stage)
    assert (found.fires, found.slot.key, found.glance.code) == (True, "2", "crossed")
    assert stage.kind.left[-1] == {"total": 3}
