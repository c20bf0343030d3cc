"""kill -9 at each step of a payment, in each phase of the network: nothing is lost, nothing is paid twice."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import Proxied, proxied
from tests.acceptance.crash_phases import PHASES, in_order
from tests.acceptance.crash_points import CrashPoint
from tests.acceptance.deaths import died
from tests.acceptance.stage import a_stage, move_to, next_days, until, worker

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_kill_at_each_step_in_each_phase_loses_and_repeats_nothing(
    devnet: Devnet, tmp_path: Path
) -> None:
    deaths = {f"{phase} {place}": (phase, todo) for phase in PHASES for place, todo in enumerate(in_order())}
    days = await next_days(devnet, max(len(todo) for _, todo in deaths.values()))
    stages = await asyncio.gather(*(a_stage(devnet, tmp_path / name, start=days[0]) for name in deaths))
    async with AsyncExitStack() as standing:
        proxies = [await standing.enter_async_context(proxied(stage)) for stage in stages]
        for number, day in enumerate(days):
            await move_to(devnet, day)
            await asyncio.gather(
                *(
                    killed(one, phase, todo[number])
                    for one, (phase, todo) in zip(proxies, deaths.values(), strict=True)
                )
            )
            await paid(proxies, day)
        found = [await asyncio.to_thread(one.findings) for one in proxies]

    assert dict(zip(deaths, found, strict=True)) == {name: [] for name in deaths}


async def killed(proxies: Proxied, phase: str, points: Sequence[CrashPoint]) -> None:
    """Let one worker after the other take the payment up and die at the next point."""
    for point in points:
        PHASES[phase].arm(proxies)
        await died(proxies.stage, point, phase)


async def paid(proxies: Sequence[Proxied], day: str) -> None:
    """Let workers that nobody kills pay the day."""
    stages = [one.stage for one in proxies]
    with ExitStack() as running:
        for one in proxies:
            one.calm()
            running.enter_context(worker(one.stage))
        await until(lambda: all(stage.is_paid(day) for stage in stages), *stages)
