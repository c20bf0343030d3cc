"""The subscription end to end: real chain, real bundler, real process."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.stage import a_stage, move_to, next_days, worker

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_each_period_is_paid_once(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 3)
    stage = await a_stage(devnet, tmp_path, start=days[0])

    with worker(stage) as running:
        for number, day in enumerate(days):
            await move_to(devnet, day)
            await running.until(partial(stage.is_paid, *days[: number + 1]))

    assert stage.findings() == []
