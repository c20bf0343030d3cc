"""The journal is gone, or an old one is back: the chain tells what was paid, and nothing is paid twice."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.crash_points import AFTER, CrashPoint
from tests.acceptance.hurry import hurrying
from tests.acceptance.oracle import Finding
from tests.acceptance.stage import Stage, a_stage, dying_worker, move_to, next_days, run_once, worker
from tests.acceptance.test_interruptions import command
from tests.acceptance.test_trouble import code, raise_nonce, resolve

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
MONTHLY = 'calendar: monthly\n  day: 1\n  at: "00:00"\n  time_zone: UTC'


def wipe(stage: Stage) -> None:
    """Lose the journal."""
    shutil.rmtree(stage.folder / "state")


async def release(stage: Stage) -> None:
    """Let the session go as a person does."""
    answer = await command(stage, "sessions", "release", "rent", "--reason", "restored from a backup")
    assert answer.code == 0, answer.err


def found(stage: Stage, *, unpaid: tuple[str, ...] = ()) -> list[Finding]:
    """Ask the oracle about all but what a lost journal cannot know: bytes, and the runs before it began."""
    return [item for item in stage.findings(unpaid=unpaid) if item.rule not in ("I2", "I4")]


async def test_journal_deleted_in_mid_run_pays_nothing_twice(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 3)
    stage = await a_stage(devnet, tmp_path, start=days[0])
    for day in days[:2]:
        await move_to(devnet, day)
        assert await run_once(stage) == 0
    wipe(stage)

    with worker(stage) as running:
        await running.until(partial(stage.is_paid, days[1]))
        assert (code(stage, days[1]), stage.payments()) == ("found_on_chain", 2)
        await move_to(devnet, days[2])
        await running.until(partial(stage.is_paid, days[2]))

    assert (found(stage), stage.payments()) == ([], 3)


async def test_payment_in_flight_when_the_journal_is_lost_is_made_once(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    with dying_worker(stage, CrashPoint("send", AFTER)) as dying:
        await dying.end()
    wipe(stage)

    with worker(stage) as running:
        async with hurrying(day, stage):
            await running.until(lambda: stage.is_in(day, "final_ok", "foreign", "held"))

    assert (found(stage), stage.payments()) == ([], 1)


async def test_old_backup_recognises_what_was_paid_since(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 4)
    stage = await a_stage(devnet, tmp_path, start=days[0])
    backup = tmp_path / "backup"
    for number, day in enumerate(days[:3]):
        await move_to(devnet, day)
        assert await run_once(stage) == 0
        if number == 0:
            shutil.copytree(stage.folder / "state", backup)
    wipe(stage)
    shutil.copytree(backup, stage.folder / "state")

    with worker(stage) as running:
        # What this journal has not signed may be a thief's: a person says that it was the lost journal.
        await running.until(lambda: "foreign_use" in stage.log)
        await release(stage)
        await running.until(partial(stage.is_paid, *days[:3]))
        await move_to(devnet, days[3])
        await running.until(partial(stage.is_paid, days[3]))

    assert (found(stage), stage.payments()) == ([], 4)


async def test_slot_that_may_have_been_paid_is_held_and_later_ones_go_on(
    devnet: Devnet, tmp_path: Path
) -> None:
    days = await next_days(devnet, 3)
    stage = await a_stage(devnet, tmp_path, start=days[0], terms="grace: 1d")
    await move_to(devnet, days[0])
    await move_to(devnet, days[1])
    assert await run_once(stage) == 0
    await raise_nonce(stage)
    wipe(stage)

    with worker(stage) as running:
        async with hurrying(days[1], stage):
            await running.until(lambda: stage.is_in(days[1], "held"))
        assert code(stage, days[1]) == "lane_ahead"
        await move_to(devnet, days[2])
        await running.until(partial(stage.is_paid, days[2]))
        assert stage.is_in(days[1], "held")

    resolve(stage, days[1], "--paid")
    assert stage.payments() == 2
