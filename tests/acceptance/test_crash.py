"""kill -9 at each step of a payment: nothing is lost, nothing is paid twice."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.crash_points import ALL, CrashPoint
from tests.acceptance.stage import Stage, a_stage, dying_worker, move_to, next_days, until, worker

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
HALVES = (ALL[::2], ALL[1::2])
"""Workers that share the waiting; more at a time would want much memory."""


@pytest.mark.parametrize("points", HALVES, ids=("even", "odd"))
async def test_kill_at_each_step_loses_and_repeats_nothing(
    devnet: Devnet, tmp_path: Path, points: Sequence[CrashPoint]
) -> None:
    found = await crashed_and_recovered(devnet, tmp_path, points)

    assert found == {str(point): [] for point in points}


async def crashed_and_recovered(
    devnet: Devnet, folder: Path, points: Sequence[CrashPoint]
) -> dict[str, object]:
    """Kill a worker at each point, let another one go on, and return what the oracle finds."""
    first, second = await next_days(devnet, 2)
    stages = await asyncio.gather(*(a_stage(devnet, folder / str(point), start=first) for point in points))
    await move_to(devnet, first)
    await asyncio.gather(*(killed(stage, point) for stage, point in zip(stages, points, strict=True)))
    with ExitStack() as running:
        for stage in stages:
            running.enter_context(worker(stage))
        await until(lambda: all(stage.is_paid(first) for stage in stages), *stages)
        await move_to(devnet, second)
        await until(lambda: all(stage.is_paid(first, second) for stage in stages), *stages)
    findings = await asyncio.gather(*(asyncio.to_thread(stage.findings) for stage in stages))
    return {str(point): found for point, found in zip(points, findings, strict=True)}


async def killed(stage: Stage, point: CrashPoint) -> None:
    """Run a worker that dies at the point; raise AssertionError when it ends otherwise."""
    with dying_worker(stage, point) as dying:
        code = await dying.end()
        assert code == -signal.SIGKILL, f"{point}: ended with {code}: {stage.log[-3000:]}"
