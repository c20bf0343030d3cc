"""The worker's duties by the clock."""

import asyncio
import logging

import pytest

from agent.worker.duties import Duties, Duty


async def test_a_slow_duty_is_performed_once_at_a_time_and_warns_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    begun, others = 0, asyncio.Event()
    goes_on = asyncio.Event()

    async def slow() -> None:
        nonlocal begun
        begun += 1
        await goes_on.wait()

    quick_runs = 0

    async def quick() -> None:
        nonlocal quick_runs
        quick_runs += 1
        if quick_runs == 20:
            others.set()

    duties = Duties([Duty("slow", 0.01, slow, at_once=True), Duty("quick", 0.01, quick)])
    duties.start()
    await others.wait()
    assert begun == 1
    goes_on.set()
    while begun == 1:
        await asyncio.sleep(0.01)
    duties.stop()
    assert caplog.records == []


async def test_what_is_under_way_ends_with_the_worker_and_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    duties = Duties([Duty("waits", 60, waits, at_once=True)])
    duties.start()
    await begun.wait()
    duties.stop()
    await ended.wait()
    await asyncio.sleep(0)
    assert caplog.records == []


async def test_a_duty_that_fails_is_reported_and_performed_again(caplog: pytest.LogCaptureFixture) -> None:
    times, again = 0, asyncio.Event()

    async def fails() -> None:
        nonlocal times
        times += 1
        if times == 2:
            again.set()
        raise ValueError("a mistake")

    duties = Duties([Duty("fails", 0.01, fails)])
    duties.start()
    await again.wait()
    duties.stop()
    assert any("raised an exception" in record.getMessage() for record in caplog.records)
