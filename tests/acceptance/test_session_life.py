"""A session is edited and revoked by the command, and the worker obeys."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.cli.exit_codes import ExitCode
from agent.definitions.loader import load
from agent.devnet.accounts import enable_sessions
from agent.devnet.devnet import Devnet
from tests.acceptance.command import Answer, inside, sessionkeeper
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, run_once
from tests.acceptance.test_rotation import owner_key

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_edited_session_pays_on_and_a_revoked_one_never(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 4)
    stage = await a_stage(devnet, tmp_path, start=days[0], terms="grace: 6h")
    await move_to(devnet, days[0])
    assert (await run_once(stage), stage.payments()) == (0, 1)
    file = tmp_path / "sessions" / "rent.yaml"
    old = file.read_bytes()

    trial = await document(stage, "edit", "rent", "--periods", "2", "--dry-run")
    assert (trial["kept"], file.read_bytes()) == (None, old)
    edited = await document(
        stage, "edit", "rent", "--periods", "2", "--headroom", "0", "--owner-key", owner_key(stage)
    )
    assert (edited["granted"], edited["calls"]) == (True, [])
    # On the local chain a session lasts a month from the edit on.
    assert ["until" in line for line in edited["wider"]] == [True]
    assert any("31 times at most -> 2 times at most" in line for line in edited["narrower"])
    assert "starts every counter anew" in edited["warning"]
    assert (tmp_path / "sessions" / "history" / "rent.1.yaml").read_bytes() == old
    limits = (await document(stage, "usage", "rent"))["limits"]
    assert {(line["used"], line["limit"]) for line in limits if line["policy"] == "UsageLimit"} == {(0, 2)}

    # The chain has what the file says now, for the first time: that was no thief.
    await move_to(devnet, days[1])
    assert (await run_once(stage), stage.payments()) == (0, 2)
    await thief_sets_the_counters_back(stage)
    await move_to(devnet, days[2])
    assert (await run_once(stage), stage.payments()) == (0, 2)
    assert "session_re_enabled" in stage.log
    assert await released_by_process(stage) == ["session_re_enabled"]
    await move_to(devnet, days[2], hour=1)
    assert (await run_once(stage), stage.payments()) == (0, 3)

    revoked = await document(stage, "revoke", "rent", "--reason", "it ends", "--owner-key", owner_key(stage))
    assert (revoked["enabled"], revoked["calls"], revoked["in_flight"]) == (False, [], [])
    await move_to(devnet, days[3])
    assert (await run_once(stage), stage.payments()) == (ExitCode.CONFIG, 3)
    assert "session_revoked" in stage.log
    assert (await command(stage, "grant", "rent")).code == 10


async def thief_sets_the_counters_back(stage: Stage) -> None:
    """Have the session enabled once more as it is."""
    session = load(stage.folder, {}, with_jobs=False).sessions["rent"].session
    await enable_sessions(stage.devnet, stage.account, [session])


async def released_by_process(stage: Stage) -> list[str]:
    """Let the session go by the command as a process, which wants a word on why."""

    async def release(*words: str) -> Answer:
        release = ("sessions", "release", "rent", *words, "-c", str(stage.folder), "--json")
        return await asyncio.to_thread(sessionkeeper, *release)

    assert (await release()).code == ExitCode.USAGE
    mute = await release("--reason", " ")
    assert (mute.code, "reason_missing" in mute.err) == (ExitCode.REFUSED, True)
    done = await release("--reason", "it was us")
    assert done.code == 0, done.err
    assert (await release("--reason", "twice")).code == ExitCode.NOT_FOUND
    return [hold["code"] for hold in done.json["released"]]


async def command(stage: Stage, *words: str | Path) -> Answer:
    return await asyncio.to_thread(inside, "sessions", *words, "-c", stage.folder, "--json")


async def document(stage: Stage, *words: str | Path) -> dict[str, Any]:
    """Run a command of sessions and return its document."""
    answer = await command(stage, *words)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.json
    return found
