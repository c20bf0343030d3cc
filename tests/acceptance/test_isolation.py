"""A poison job delays nobody: the bundler hangs over its operations, and the others keep their ticks."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.oracle import examine_ticks
from tests.acceptance.proxy import ESTIMATE, Mode, Strike
from tests.acceptance.stage import USDC, Stage, a_stage, add_job, move_to, next_days, ticking_worker
from tests.acceptance.ticking_worker import read_ticks

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
POISON = f"{10 * USDC:064x}"
"""The amount of the job `rent`, as its transfer has it."""
OTHERS = {"gym": "11 USDC", "tea": "12 USDC", "club": "13 USDC"}


async def test_job_whose_estimates_hang_delays_others_less_than_two_ticks(
    devnet: Devnet, tmp_path: Path
) -> None:
    days = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=days[0])
    for job, amount in OTHERS.items():
        await add_job(stage, job, start=days[0], amount=amount)
    ticks = tmp_path / "ticks.jsonl"
    async with proxied(stage) as proxies:
        with ticking_worker(stage, ticks) as running:
            await running.until(lambda: "recovered" in stage.log)
            for day in days:
                proxies.bundler.arm([Strike(Mode.DRIP, frozenset({ESTIMATE}), None, containing=POISON)])
                await move_to(devnet, day)
                await running.until(partial(others_are_paid, stage, day))
    waited = read_ticks(ticks)

    assert examine_ticks(waited, "rent") == []
    assert [item.ticks for item in waited if item.job == "rent"] == [None] * len(days)


def others_are_paid(stage: Stage, day: str) -> bool:
    """Tell whether every job but the poison one has paid the day."""
    return all(stage.is_paid(day, job=job) for job in OTHERS)
