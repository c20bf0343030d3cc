"""Paused means paused: nothing leaves between `jobs pause` and `jobs resume`, across kill -9."""

import time
from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.stage import a_stage, move_to, next_days, worker
from tests.acceptance.test_interruptions import command

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_paused_job_sends_nothing_until_it_is_resumed(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with proxied(stage) as proxies:
        with worker(stage) as running:
            await running.until(lambda: "recovered" in stage.log)
            assert (await command(stage, "jobs", "pause", "rent", "--reason", "on holiday")).code == 0
            paused_at = time.monotonic()
            await move_to(devnet, day)
            await proxies.looked_around(running)
            running.kill()
        with worker(stage) as running:
            await proxies.looked_around(running)
            resumed_at = time.monotonic()
            assert (await command(stage, "jobs", "resume", "rent")).code == 0
            await running.until(partial(stage.is_paid, day))
        found = proxies.findings(silences=((paused_at, resumed_at),))

    assert (found, stage.payments()) == ([], 1)
