"""What is taken away in mid-run: bundler, session, a job's file. Nothing is lost, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.definitions.loader import load
from agent.devnet import chain, rpc
from agent.devnet.accounts import enable_sessions, send_as_owner
from agent.devnet.alto import running_alto, until_alto_is_ready
from agent.devnet.devnet import Devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import devnet_dir
from agent.domain.call import Call
from agent.domain.units import Wei
from agent.pipeline.disposition import QUIET_S
from agent.pipeline.ladder import KNOWN_THERE
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.encoding import remove_session_call
from tests.acceptance.command import Answer, inside
from tests.acceptance.crash_points import AFTER, BEFORE, CrashPoint
from tests.acceptance.ports import kept_port
from tests.acceptance.stage import Stage, a_stage, dying_worker, move_to, next_days, run_once, worker
from tests.acceptance.test_trouble import code, raise_nonce, resolve

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
CONFIG = 3


@asynccontextmanager
async def bundler(devnet: Devnet, folder: Path, port: int) -> AsyncIterator[str]:
    """Run a second bundler until the block ends; its memory ends with it."""
    options = DevnetOptions(bundler_port=port)
    points = tuple(devnet.entry_points.values())
    async with running_alto(devnet_dir(), folder, options, devnet.rpc_url, points) as (program, url):
        await until_alto_is_ready(program, url)
        yield url


async def test_bundler_that_dies_with_the_operation_gets_it_again(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    with kept_port() as port:
        stage = await a_stage(devnet, tmp_path, start=day, bundler_url=f"http://127.0.0.1:{port}")
        async with bundler(devnet, tmp_path, port) as url:
            await rpc.call(url, "debug_bundler_setBundlingMode", "manual")
            await move_to(devnet, day)
            with worker(stage) as running:
                await running.until(lambda: code(stage, day) in KNOWN_THERE)
                running.kill()

        with worker(stage) as running:
            await chain.increase_time(devnet, QUIET_S + 1)
            await running.until(lambda: code(stage, day) == "unknown")
            assert stage.is_in(day, "sent")
            found = (await command(stage, "doctor", "--json")).json["findings"]
            (gone,) = [item for item in found if "bundler" in item["name"] and item["level"] == "fail"]
            assert gone["remedy"]
            async with bundler(devnet, tmp_path, port):
                await chain.increase_time(devnet, QUIET_S + 1)
                await running.until(partial(stage.is_paid, day))

    assert (stage.findings(), stage.payments()) == ([], 1)


async def test_session_that_is_revoked_in_mid_run_pays_nothing_more(devnet: Devnet, tmp_path: Path) -> None:
    days = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=days[0], terms="grace: 3h")
    with worker(stage) as running:
        await move_to(devnet, days[0])
        await running.until(partial(stage.is_paid, days[0]))
        await revoke(stage)
        # Due before the worker has seen it, the payment would be put off for a reason of its own.
        await running.until(lambda: "session_removed" in stage.log)
        await move_to(devnet, days[1])
        await running.until(lambda: code(stage, days[1]) == "held")
        await move_to(devnet, days[1], hour=4)
        await running.until(lambda: stage.is_in(days[1], "skipped", "failed"))

    assert "session_removed" in stage.log
    status = await command(stage, "status")
    assert "sessions release" in status.out + status.err
    assert (stage.findings(unpaid=(days[1],)), stage.payments()) == ([], 1)


async def test_payment_signed_before_its_session_was_revoked_is_held(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    with dying_worker(stage, CrashPoint("send", BEFORE)) as dying:
        await dying.end()
    await revoke(stage)

    with worker(stage) as running:
        await running.until(lambda: stage.is_in(day, "held"))
    assert stage.payments() == 0

    # The signed bytes would be good again with the session: only the nonce makes them void.
    await raise_nonce(stage)
    await enable_sessions(devnet, stage.account, [load(stage.folder, {}).sessions["rent"].session])
    await chain.mine(devnet, 3)
    resolve(stage, day, "--unpaid")
    assert stage.findings(unpaid=(day,)) == []


async def test_payment_whose_job_leaves_the_files_is_followed_to_its_end(
    devnet: Devnet, tmp_path: Path
) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    await move_to(devnet, day)
    with dying_worker(stage, CrashPoint("send", AFTER)) as dying:
        await dying.end()
    job = tmp_path / "jobs" / "rent.yaml"
    text = job.read_text()
    job.unlink()

    with worker(stage) as running:
        await running.until(lambda: stage.is_in(day, "held"))
        assert await running.stop() == 143
    assert (code(stage, day), stage.payments()) == ("delivery_unknown", 1)
    assert "job_not_in_files" in stage.log
    (orphan,) = (await command(stage, "status", "--json")).json["orphaned"]
    assert (orphan["job"], orphan["slot"]) == ("rent", day)
    warned = (await command(stage, "doctor", "--json")).json["findings"]
    assert [item["level"] for item in warned if item["name"] == "store orphans"] == ["warn"]

    job.write_text(text)
    resolve(stage, day, "--paid")
    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert (stage.findings(), stage.payments()) == ([], 2)


async def test_bad_file_stops_the_start_and_names_its_line(devnet: Devnet, tmp_path: Path) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    job = tmp_path / "jobs" / "rent.yaml"
    text = job.read_text()
    await move_to(devnet, day)
    assert await run_once(stage) == 0

    job.write_text(text.replace("10 USDC", "10 USDX").replace("kind: subscription", "kind: subscribtion"))
    await move_to(devnet, after)
    validated = await command(stage, "validate")
    assert (validated.code, await run_once(stage)) == (CONFIG, CONFIG)
    for said in (validated.out + validated.err, stage.log):
        assert "rent.yaml:2:" in said
        assert "subscription" in said

    job.write_text(text)
    assert await run_once(stage) == 0
    assert (stage.findings(), stage.payments()) == ([], 2)


async def command(stage: Stage, *words: str) -> Answer:
    """Run a command on the folder."""
    return await asyncio.to_thread(inside, *words, "-c", stage.folder)


async def revoke(stage: Stage) -> None:
    """Let the owner remove the session, without a word to the agent."""
    permission = load(stage.folder, {}).sessions["rent"].permission_id
    call = Call(SMART_SESSION, Wei(0), remove_session_call(permission))
    await send_as_owner(stage.devnet, stage.account, [call])
