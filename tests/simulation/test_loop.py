"""The virtual loop: time that costs nothing, in the right order, and no silent standstill."""

import asyncio

import pytest

from tests.simulation.loop import OWNER, Deadlock, TaskOwner, run_virtual


def test_sleeping_costs_no_time_and_keeps_its_order() -> None:
    async def main() -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            found.append((asyncio.get_running_loop().time(), name))

        await asyncio.gather(sleeper("day", 86_400), sleeper("hour", 3_600))
        return found

    assert run_virtual(main) == [(3_600.0, "hour"), (86_400.0, "day")]


def test_waiting_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtual(main)


def test_an_owner_has_its_tasks_and_those_they_make() -> None:
    async def main() -> int:
        owner = TaskOwner()
        token = OWNER.set(owner)
        outer = asyncio.get_running_loop().create_task(_makes_another())
        OWNER.reset(token)
        await asyncio.sleep(1)
        owned = len(owner.tasks)
        for task in tuple(owner.tasks):
            task.cancel()
        await asyncio.gather(outer, return_exceptions=True)
        return owned

    assert run_virtual(main) == 3


async def _makes_another() -> None:
    await asyncio.gather(asyncio.sleep(100), asyncio.create_task(asyncio.sleep(100)))
