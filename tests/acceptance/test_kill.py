"""The kill switch on real workers: after the acknowledgement nothing leaves, whatever happens to them."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.adapters.kill_file import KillFile
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.kill import KillOrder
from agent.domain.units import Timestamp
from agent.pipeline.ladder import KNOWN_THERE
from tests.acceptance.command import Answer, inside, sessionkeeper
from tests.acceptance.oracle.books import read_rows
from tests.acceptance.recorder import Recorder, recording
from tests.acceptance.stage import TIMEOUT_S, Stage, Worker, a_stage, move_to, next_days, worker
from tests.bundling import bundling_stopped
from tests.integration.paying import due_jobs
from tests.operator import PAYEE, an_operator

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]
JOBS = 10
RETRY_LATER = 75


def switch(stage: Stage) -> KillFile:
    """Return the kill file of a stage, read apart from the worker."""
    return KillFile(stage.folder / "state" / "journal.db.kill")


def orders(stage: Stage) -> tuple[KillOrder, ...]:
    """Return what the file stops now."""
    return switch(stage).orders()


def is_acknowledged(stage: Stage) -> bool:
    """Tell whether a worker has answered to everything in the file."""
    return {order.id for order in orders(stage)} <= switch(stage).acknowledged() and bool(orders(stage))


def holds(stage: Stage) -> set[tuple[str, str]]:
    """Return scope and code of what the journal holds."""
    with closing(sqlite3.connect(stage.folder / "state" / "journal.db")) as connection:
        return set(connection.execute("SELECT scope, code FROM holds WHERE released_at IS NULL"))


async def command(stage: Stage, *arguments: str) -> Answer:
    """Run a command beside the worker."""
    return await asyncio.to_thread(inside, *arguments, "-c", stage.folder)


def answered(ask: Callable[[], Answer], *, journaled: bool = False) -> Answer:
    """Kill until the worker answers: on a busy machine it may take longer than the command waits.

    So may the store: `journaled` waits for that too.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while (answer := ask()).code == RETRY_LATER or (journaled and not answer.json["journaled"]):
        assert time.monotonic() < deadline, answer
    return answer


async def a_burst(devnet: Devnet, folder: Path, recorder: Recorder) -> Stage:
    """Make many jobs that are due at once, before a bundler that is recorded."""
    operator = await an_operator(devnet, folder, due_jobs([f"rent-{number}" for number in range(JOBS)]))
    text = operator.config.read_text().replace(devnet.bundler_url, recorder.url)
    operator.config.write_text(text)
    return Stage(devnet, folder, operator.account, PAYEE)


def states(stage: Stage) -> list[str]:
    """Return the state of every run."""
    return [row.state for row in read_rows(stage.folder / "state" / "journal.db").values()]


def is_with_the_bundler(stage: Stage) -> bool:
    """Tell whether the bundler said of every run that it has what was sent last."""
    return all(row.code in KNOWN_THERE for row in read_rows(stage.folder / "state" / "journal.db").values())


async def in_a_burst(recorder: Recorder, running: Worker) -> None:
    """Wait until some operations are on their way and others are being prepared."""
    recorder.keeps_answers = True
    await running.until(lambda: len(recorder.sent) >= 3)


async def test_nothing_leaves_after_the_acknowledgement_across_kill_9_and_restart(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with recording(devnet.bundler_url) as recorder:
        stage = await a_burst(devnet, tmp_path, recorder)
        recorder.estimates_left = JOBS // 2
        with worker(stage) as running:
            await in_a_burst(recorder, running)
            words = ("kill", "--all", "--reason", "looks wrong", "--json", "-c", stage.folder)
            killed = await asyncio.to_thread(answered, lambda: sessionkeeper(*words), journaled=True)
            sent, left = await recorder.count(), len(recorder.nonces)
            assert (killed.code, killed.json["answer"], killed.json["journaled"]) == (0, "worker", True)
            await running.until(lambda: ("all", "kill_acknowledged") in holds(stage))
            running.kill()
        recorder.keeps_answers, recorder.estimates_left = False, None

        with worker(stage) as running:
            # What had left is followed to its end.
            await running.until(lambda: states(stage).count("final_ok") >= left)
            assert await recorder.count() == sent
            # The first worker may have died with a run in its hands: nothing was decided yet, or signed and
            # stopped before it left.
            found = set(states(stage)) - {"claimed", "planned", "signed", "sent"}
            assert (left <= JOBS // 2, found) == (True, {"final_ok", "due"})
            let_go = await command(stage, "unkill", "--all", "--reason", "it was right", "--json")
            assert let_go.json["let_go"] == ["all"]
            await chain.move_time_to(devnet, Timestamp(await chain.block_time(devnet) + 60))
            await running.until(lambda: states(stage) == ["final_ok"] * JOBS)
        assert stage.payments() == JOBS
        assert (await command(stage, "doctor", "--json")).json["findings"][0]["level"] == "ok"


async def test_the_owner_finds_what_to_sign(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    killed = await command(stage, "kill", "--job", "rent", "--json")

    (file,) = killed.json["revocations"]
    payload = json.loads((stage.folder / file).read_text())
    shown = (await command(stage, "sessions", "revoke", "rent", "--reason", "killed", "--json")).json
    assert (payload["calls"], payload["execute"]) == (shown["calls"], shown["execute"])
    assert killed.json["killed"] == ["job:rent"]
    assert len(payload["calls"]) == 2


async def test_a_file_made_by_hand_stops_until_a_person_lets_go(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await running.until((stage.folder / "state" / "journal.db").exists)
        switch(stage).place.touch()
        await running.until(lambda: is_acknowledged(stage) and ("all", "killed") in holds(stage))
        # Only once it is acknowledged: nothing may delay that.
        await running.until((stage.folder / "state" / "revoke" / "rent.json").exists)
        await move_to(devnet, day)
        await running.until(lambda: stage.is_in(day, "due") and stage.row(day).code == "held")  # type: ignore[union-attr]  # a missing row fails the test too
        (dry,) = (await command(stage, "run", "--once", "--dry-run", "--json")).json["due"]
        assert (dry["would"], dry["code"]) == ("wait", "held")
        switch(stage).place.unlink()
        assert (await command(stage, "unkill", "--all", "--reason", "it was me")).code == 0
        await move_to(devnet, day, hour=1)
        await running.until(lambda: stage.is_paid(day))
    assert stage.findings() == []


async def test_a_signal_stops_everything_and_outlives_the_worker(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log)
        os.kill(running.process.pid or 0, signal.SIGUSR1)
        await running.until(lambda: is_acknowledged(stage))
        running.kill()
    assert [(str(order.scope), order.reason) for order in orders(stage)] == [("all", "a signal, SIGUSR1")]

    await move_to(devnet, day)
    with worker(stage) as running:
        await running.until(lambda: stage.is_in(day, "due") and stage.row(day).code == "held")  # type: ignore[union-attr]  # as above
        # The file alone stops a run; the journal learns of it at a pace of its own.
        await running.until(lambda: ("all", "killed") in holds(stage))
        status = (await command(stage, "status", "--json")).json
        assert [(hold["scope"], hold["code"]) for hold in status["holds"]] == [("all", "killed")]
        doctor = (await command(stage, "doctor", "--json")).json
        failed = {item["name"] for item in doctor["findings"] if item["level"] == "fail"}
        assert failed == {"kill file", "hold killed"}
        assert (await command(stage, "unkill", "--reason", "it was me")).code == 0
        await move_to(devnet, day, hour=1)
        await running.until(lambda: stage.is_paid(day))
    assert stage.findings() == []


async def test_a_worker_that_hangs_is_named_and_sends_nothing_when_it_wakes(
    devnet: Devnet, tmp_path: Path
) -> None:
    async with recording(devnet.bundler_url) as recorder:
        stage = await a_burst(devnet, tmp_path, recorder)
        with worker(stage) as running:
            await in_a_burst(recorder, running)
            pid = running.process.pid or 0
            os.kill(pid, signal.SIGSTOP)
            silent = await command(stage, "kill", "--json")
            assert (silent.code, silent.json["answer"]) == (RETRY_LATER, "silent")
            assert silent.json["worker"] == f"process {pid}"
            os.kill(pid, signal.SIGCONT)
            await running.until(lambda: is_acknowledged(stage))
            sent = await recorder.count()
            again = await asyncio.to_thread(answered, lambda: inside("kill", "--json", "-c", stage.folder))
            assert (again.code, again.json["answer"]) == (0, "worker")
            assert await recorder.count() == sent


async def test_a_worker_that_hangs_and_is_ended_sends_nothing_any_more(
    devnet: Devnet, tmp_path: Path
) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log)
        os.kill(running.process.pid or 0, signal.SIGSTOP)
        assert (await command(stage, "kill", "--session", "rent", "--json")).json["answer"] == "silent"
        running.kill()
    words = ("kill", "--session", "rent", "--json", "-c", stage.folder)
    killed = await asyncio.to_thread(answered, lambda: inside(*words))
    assert killed.json["answer"] == "no_worker"


async def test_a_locked_store_delays_no_acknowledgement(devnet: Devnet, tmp_path: Path) -> None:
    async with recording(devnet.bundler_url) as recorder:
        stage = await a_burst(devnet, tmp_path, recorder)
        with worker(stage) as running:
            await in_a_burst(recorder, running)
            with closing(sqlite3.connect(stage.folder / "state" / "journal.db", timeout=60)) as locking:
                locking.execute("BEGIN IMMEDIATE")
                words = ("kill", "--account", str(stage.account.address), "--json", "-c", stage.folder)
                killed = await asyncio.to_thread(answered, lambda: inside(*words))
                sent, left = await recorder.count(), len(recorder.nonces)
                assert (killed.code, killed.json["answer"], killed.json["journaled"]) == (0, "worker", False)
                locking.rollback()
            scope = f"account:31337/{stage.account.address}"
            await running.until(lambda: (scope, "kill_acknowledged") in holds(stage))
            recorder.keeps_answers = False
            await running.until(lambda: states(stage).count("final_ok") >= left)
            assert await recorder.count() == sent


async def test_what_is_in_flight_is_cancelled_when_asked_and_nothing_else_leaves(
    devnet: Devnet, tmp_path: Path
) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent"]))
    stage = Stage(devnet, tmp_path, operator.account, PAYEE)
    # Not what the payee has: other tests pay the same one, and some of that may come late.
    before = await token_balance(devnet, devnet.usdc, stage.account.address)
    async with bundling_stopped(devnet) as bundling:
        with worker(stage) as running:
            await running.until(lambda: states(stage) == ["sent"] and is_with_the_bundler(stage))
            killed = await command(stage, "kill", "--all", "--cancel", "--reason", "looks wrong", "--json")
            await running.until(lambda: is_acknowledged(stage))
            assert [(one["job"], one["asked"]) for one in killed.json["cancelling"]] == [("rent", True)]
            # Signed is not sent: let go before it has the cancel, the bundler bundles the payment.
            await running.until(lambda: len(signed(stage)) == 2 and is_with_the_bundler(stage))
            await bundling.go_on()
            await running.until(lambda: states(stage) == ["cancelled"])
    assert [("cancels" in record) for record in signed(stage)] == [False, True]
    assert await token_balance(devnet, devnet.usdc, stage.account.address) == before


def signed(stage: Stage) -> list[str]:
    """Return the records of every signed operation, oldest first."""
    with closing(sqlite3.connect(stage.folder / "state" / "journal.db")) as connection:
        return [row[0] for row in connection.execute("SELECT record FROM operations ORDER BY position")]
