"""The worker's clock jumps, forth and back: nothing is paid early, nothing twice, nothing is left out."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.stage import a_stage, jumping_worker, move_to, next_days
from tests.acceptance.test_trouble import code

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
HOUR_S = 3600


async def test_clock_that_jumps_forth_and_back_pays_each_day_once_and_none_early(
    devnet: Devnet, tmp_path: Path
) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    offset = tmp_path / "offset"
    offset.write_text("0")
    async with proxied(stage) as proxies:
        with jumping_worker(stage, offset) as running:
            await move_to(devnet, day)
            await running.until(lambda: bool(proxies.bundler.sent))
            offset.write_text(str(-2 * HOUR_S))
            await running.until(partial(stage.is_paid, day))
            await proxies.looked_around(running)

            # Tomorrow by this machine, and today by the chain.
            offset.write_text(str(25 * HOUR_S))
            await running.until(lambda: code(stage, after) == "head_stale")
            await proxies.looked_around(running)
            assert (stage.is_in(after, "due", "claimed"), stage.payments()) == (True, 1)

            offset.write_text("0")
            await proxies.looked_around(running)
            assert stage.payments() == 1
            await move_to(devnet, after)
            await move_to(devnet, after, hour=2)
            await running.until(partial(stage.is_paid, after))
        assert (proxies.findings(), stage.payments()) == ([], 2)
