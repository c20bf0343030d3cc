"""The worker dies while it raises a payment's fees: no hash is forgotten, and one of them pays."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.job import RAISE_AFTER_S
from agent.pipeline.ladder import FAIR_PRICE_PATIENCE, KNOWN_THERE
from tests.acceptance.crash_points import AFTER, DURING, CrashPoint
from tests.acceptance.stage import a_stage, dying_worker, move_to, next_days, worker
from tests.acceptance.test_cancel import signed_for
from tests.acceptance.test_trouble import code
from tests.bundling import bundling_stopped

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    ("point", "signed"),
    [
        (CrashPoint("append", DURING, 2), 1),
        (CrashPoint("append", AFTER, 2), 2),
        (CrashPoint("send", AFTER, 2), 2),
    ],
    ids=str,
)
async def test_worker_that_dies_while_it_raises_pays_once(
    devnet: Devnet, tmp_path: Path, point: CrashPoint, signed: int
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    async with bundling_stopped(devnet) as bundling:
        await move_to(devnet, day)
        with dying_worker(stage, point) as dying:
            await dying.until(lambda: code(stage, day) in KNOWN_THERE)
            await chain.increase_time(devnet, FAIR_PRICE_PATIENCE * RAISE_AFTER_S + 1)
            await dying.end()
        assert len(signed_for(stage, day)) == signed

        with worker(stage) as running:
            await bundling.go_on()
            await running.until(partial(stage.is_paid, day))

    assert (stage.findings(), stage.payments()) == ([], 1)
