"""A subscription whose key is exchanged in the middle: every period is paid once, by one of the keys."""

import asyncio
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.definitions.loader import load
from agent.devnet.accounts import address_of
from agent.devnet.devnet import Devnet
from tests.acceptance.command import Answer, inside
from tests.acceptance.crash_points import AFTER, CrashPoint
from tests.acceptance.oracle.chain import session_operations
from tests.acceptance.oracle.node import Node
from tests.acceptance.stage import Stage, a_stage, dying_worker, move_to, next_days, worker
from tests.devnet import a_key

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_key_is_exchanged_in_mid_run(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 4)
    stage = await a_stage(devnet, tmp_path, start=days[0])
    add_key(stage, "second")

    await move_to(devnet, days[0])
    with dying_worker(stage, CrashPoint("send", AFTER)) as dying:
        await dying.end()
    begun = await rotate(stage, "--key", "second", "--periods", "10", "--owner-key", owner_key(stage))
    assert (begun["step"], begun["successor"], len(begun["in_flight"])) == ("switch", "rent-2", 1)

    with worker(stage) as running:
        await running.until(partial(stage.is_paid, days[0]))
        waiting = await rotate(stage)
        assert (waiting["step"], waiting["in_flight"], waiting["not_seen"]) == ("switch", [], ["rent"])
        await move_to(devnet, days[1])
        await running.until(partial(stage.is_paid, *days[:2]))

        assert (await rotate(stage))["step"] == "revoke"
        assert (await rotate(stage, "--owner-key", owner_key(stage)))["step"] == "done"
        await move_to(devnet, days[2])
        await running.until(partial(stage.is_paid, *days[:3]))
        running.kill()

    with worker(stage) as running:
        await move_to(devnet, days[3])
        await running.until(partial(stage.is_paid, *days))

    assert stage.findings() == []
    sessions = load(stage.folder, {}).sessions
    old, new = (str(sessions[name].permission_id) for name in ("rent", "rent-2"))
    assert permissions(stage) == [old, new, new, new]
    assert sessions["rent"].revoked_at is not None


def add_key(stage: Stage, name: str) -> None:
    """Write another session key and its lines in the configuration."""
    key = a_key()
    file = stage.folder / "keys" / f"{name}.key"
    file.touch(mode=0o600)
    file.write_text("0x" + key.hex() + "\n")
    config = stage.folder / "sessionkeeper.yaml"
    line = f'  {name}: {{address: "{address_of(key)}", raw: keys/{name}.key}}\n'
    config.write_text(config.read_text().replace("keys:\n", f"keys:\n{line}"))


def owner_key(stage: Stage) -> Path:
    """Write the owner's key to a file."""
    file = stage.folder / "owner.key"
    file.write_text("0x" + stage.account.owner_key.hex())
    return file


async def rotate(stage: Stage, *options: str | Path) -> dict[str, Any]:
    """Run `sessions rotate rent` and return its document."""
    words = ("sessions", "rotate", "rent", "-c", stage.folder, "--json", *options)
    answer: Answer = await asyncio.to_thread(inside, *words)
    assert answer.code == 0, answer.err
    document: dict[str, Any] = answer.json
    return document


def permissions(stage: Stage) -> list[str]:
    """Return the permission ids of the account's operations, in the chain's order."""
    with closing(Node(stage.devnet.rpc_url)) as node:
        operations = session_operations(node, str(stage.account.address).lower())
    return ["0x" + item.signature.removeprefix("0x")[2:66] for item in operations]
