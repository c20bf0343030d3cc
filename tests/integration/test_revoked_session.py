"""A session that was taken back for good leaves nothing behind that looks like trouble."""

import asyncio
from pathlib import Path

import pytest

from agent.bootstrap import Store, opened
from agent.cli.loading import load_definitions, settings_for
from agent.definitions.session_store import mark_session_file
from agent.devnet.devnet import Devnet
from tests.acceptance.command import Answer, inside
from tests.integration.test_drift import a_sweep, held, remove, revoke, swept
from tests.operator import Operator, an_operator

pytestmark = pytest.mark.devnet
REMOVED = ["enable_signature_revoked", "session_removed"]


async def command(operator: Operator, *words: str) -> Answer:
    return await asyncio.to_thread(inside, *words, "-c", operator.config)


async def failures(operator: Operator) -> list[str]:
    answer = await command(operator, "doctor", "--json")
    return [item["name"] for item in answer.json["findings"] if item["level"] == "fail"]


async def holds(operator: Operator) -> list[str]:
    settings = settings_for(operator.config)
    definitions = load_definitions(settings, with_jobs=False)
    async with opened(settings, definitions, store=Store.WORKER, keys=False) as world:
        await a_sweep(world)
        return sorted(await held(world))


async def test_what_its_removal_held_goes_once_the_chain_has_it_no_more(
    devnet: Devnet, tmp_path: Path
) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    release = ("sessions", "release", "main", "--reason", "taken back")
    async with swept(operator) as (world, sweep):
        await revoke(operator)
        await sweep.poll()
        assert await held(world) == ["enable_signature_revoked"]

    # Marked, and its owner has not removed it yet.
    mark_session_file(tmp_path / "sessions" / "main.yaml", "revoked_at", 1_790_000_000)
    assert "session main revoked" in await failures(operator)
    refused = await command(operator, *release)
    assert (refused.code, "still has it enabled" in refused.err) == (6, True)

    await remove(operator)
    assert (await command(operator, *release)).code == 0
    assert await failures(operator) == []
    assert await holds(operator) == []


async def test_a_running_worker_holds_what_its_owner_removed(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    async with swept(operator) as (world, sweep):
        mark_session_file(tmp_path / "sessions" / "main.yaml", "revoked_at", 1_790_000_000)
        await revoke(operator)
        await remove(operator)
        await sweep.poll()
        assert sorted(await held(world)) == REMOVED
    assert (await command(operator, "sessions", "release", "main", "--reason", "taken back")).code == 0
    assert await holds(operator) == []
