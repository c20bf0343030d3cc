"""A kill that is ordered on another machine reaches the worker through the store they share."""

import asyncio
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.command import inside
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, worker
from tests.acceptance.test_kill import answered
from tests.acceptance.test_split_brain import on_server
from tests.acceptance.test_trouble import code
from tests.postgres import PostgresServer, postgres_server

pytestmark = [
    pytest.mark.devnet,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def elsewhere(stage: Stage) -> Path:
    """Return a copy of the files as another machine has them: without the state, and with no kill file."""
    folder = stage.folder.with_name(stage.folder.name + "-elsewhere")
    shutil.copytree(stage.folder, folder, ignore=shutil.ignore_patterns("state", "*.log"))
    return folder


async def test_a_kill_on_another_machine_stops_the_worker_and_outlives_it(
    devnet: Devnet, tmp_path: Path, postgres: PostgresServer
) -> None:
    first, second = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path / "here", start=first)
    on_server(stage, postgres)
    there = elsewhere(stage)
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log)
        await move_to(devnet, first)
        await running.until(partial(stage.is_paid, first))
        killed = await asyncio.to_thread(
            answered, lambda: inside("kill", "--all", "--reason", "looks wrong", "--json", "-c", there)
        )
        assert (killed.json["answer"], killed.json["journaled"]) == ("worker", True)
        await move_to(devnet, second)
        await running.until(lambda: code(stage, second) == "held")
        running.kill()

    # A server finds out only after a while that the one who had the lock is dead.
    await asyncio.to_thread(postgres.until_left, str(stage.store))
    assert not (stage.folder / "state" / "sessionkeeper.kill").exists()
    with worker(stage) as running:
        await running.until(lambda: stage.log.count('"recovered"') == 2)
        assert stage.payments() == 1
        let_go = await asyncio.to_thread(
            inside, "unkill", "--all", "--reason", "it was right", "--json", "-c", there
        )
        assert let_go.json["let_go"] == ["all"]
        await move_to(devnet, second, hour=1)
        await running.until(partial(stage.is_paid, second))
    assert (stage.findings(), stage.payments()) == ([], 2)
