"""Two workers on one PostgreSQL store: one freezes and loses its lock, another takes over, it wakes."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import psycopg
import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.behind_proxies import proxied
from tests.acceptance.crash_points import AFTER, BEFORE, CrashPoint
from tests.acceptance.stage import (
    Stage,
    Worker,
    a_stage,
    dying_worker,
    move_to,
    next_days,
    run_once,
    until,
    worker,
)
from tests.postgres import PostgresServer, postgres_server

pytestmark = [
    pytest.mark.devnet,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]
RETRY_LATER = 75
FREEZES = (
    CrashPoint("append", BEFORE),
    CrashPoint("append", AFTER),
    CrashPoint("send", BEFORE),
    CrashPoint("send", AFTER),
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


async def test_worker_that_froze_finds_another_in_its_place_and_ends(
    devnet: Devnet, tmp_path: Path, postgres: PostgresServer
) -> None:
    day, after = await next_days(devnet, 2)
    stages = await asyncio.gather(*(a_stage(devnet, tmp_path / str(point), start=day) for point in FREEZES))
    async with AsyncExitStack() as standing:
        for stage in stages:
            on_server(stage, postgres)
        proxies = [await standing.enter_async_context(proxied(stage)) for stage in stages]
        await move_to(devnet, day)
        with ExitStack() as running:
            first = [
                running.enter_context(dying_worker(stage, point, stops=True))
                for stage, point in zip(stages, FREEZES, strict=True)
            ]
            await until(lambda: all(is_stopped(one) for one in first), *stages)
            assert await run_once(stages[0]) == RETRY_LATER
            assert "store_in_use" in stages[0].log
            for stage in stages:
                cut_off(stage)
                # Told to end, a connection is not gone yet, nor is its lock.
                await asyncio.to_thread(postgres.until_left, str(stage.store))
                running.enter_context(worker(stage))
            await until(lambda: all(stage.is_paid(day) for stage in stages), *stages)
            assert [await woken(one) for one in first] == [RETRY_LATER] * len(stages)
            assert all("store_lost" in stage.log for stage in stages)
            await move_to(devnet, after)
            await until(lambda: all(stage.is_paid(after) for stage in stages), *stages)
        found = [await asyncio.to_thread(one.findings) for one in proxies]

    assert dict(zip(FREEZES, found, strict=True)) == {point: [] for point in FREEZES}
    assert [stage.payments() for stage in stages] == [2] * len(stages)


async def woken(frozen: Worker) -> int:
    """Let a worker go on and return what it ends with."""
    os.kill(frozen.process.pid or 0, signal.SIGCONT)
    return await frozen.end()


def on_server(stage: Stage, postgres: PostgresServer) -> None:
    """Move the stage's journal to a database of its own."""
    config = stage.folder / "sessionkeeper.yaml"
    url = postgres.url(postgres.create())
    config.write_text(config.read_text().replace("sqlite:///state/journal.db", url))


def cut_off(stage: Stage) -> None:
    """End the frozen worker's connections, as a server does with a peer that is gone; so goes its lock."""
    with psycopg.connect(str(stage.store), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'sessionkeeper' AND datname = current_database()"
        )


def is_stopped(frozen: Worker) -> bool:
    """Tell whether a process stands still."""
    return Path(f"/proc/{frozen.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
