"""Reorgs within finality: whatever leaves the chain comes back, and each period is paid once."""

import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agent.devnet.devnet import running_devnet
from agent.devnet.options import DevnetOptions
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.reorgs import Reorgs, found, rolled_back, shake, stages_of
from tests.acceptance.stage import next_days
from tests.devnet import STARTS_BEFORE_NOW_S

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
SEED = 7
BLOCK_TIME_S = 0.3
"""Slower than elsewhere: a busy worker has to see a payment while a reorg can still reach its block."""
OPTIONS = DevnetOptions(BLOCK_TIME_S, starts_before_now_s=STARTS_BEFORE_NOW_S)
REORGS_A_DAY = 10


async def test_twenty_reorgs_of_any_depth_undo_payments_and_repeat_none(tmp_path: Path) -> None:
    reorgs = Reorgs(random.Random(SEED))
    async with AsyncExitStack() as standing:
        # A chain of its own: anvil loses states when it has taken back many blocks of a long chain.
        devnet = await standing.enter_async_context(running_devnet(OPTIONS))
        days = await next_days(devnet, 2)
        stages = await stages_of(devnet, tmp_path, days[0], periods=10)
        front = [await standing.enter_async_context(proxied(stage)) for stage in stages]
        for day in days:
            await shake(devnet, stages, day, reorgs, REORGS_A_DAY)
        findings = await found(front)
        payments = [stage.payments() for stage in stages]

    assert findings == []
    assert payments == [len(days)] * len(stages)
    assert reorgs.count == 20
    assert rolled_back(stages) > 0
