"""An operator's day on the local chain, by the command as a process."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.cli.root import run as command_line
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.units import Timestamp
from tests.acceptance.command import ROOT, Answer, inside, sessionkeeper
from tests.acceptance.ports import kept_port
from tests.acceptance.processes import forked
from tests.operator import Operator, an_operator

DAY_S = 86_400
STARTED_WITHIN_S = 180.0
RENT = """\
id: rent
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 1d, anchor: "2020-01-01T00:00:00Z", start: "2020-01-01T00:00:00Z"}
spec: {amount: "10 USDC", payee: "{payee}"}
grace: 1d
reference: R-1
"""


PIN = re.compile(r"code_hashes: \{(.*)\}")


@pytest.fixture
async def operator(devnet: Devnet, tmp_path: Path) -> Operator:
    return await an_operator(devnet, tmp_path, [RENT])


async def command(operator: Operator, *arguments: str) -> Answer:
    """Run the worker as a process; other commands in this one, without loading Python anew."""
    run = sessionkeeper if arguments[0] == "run" else inside
    return await asyncio.to_thread(run, *arguments, "-c", str(operator.config))


async def run_once(operator: Operator) -> None:
    """Run a worker as a process that has the agent imported already."""
    with forked(
        command_line, ["run", "--once", "-c", str(operator.config)], operator.folder / "once.log"
    ) as run:
        await asyncio.to_thread(run.join, STARTED_WITHIN_S)
        assert run.exitcode == 0, (operator.folder / "once.log").read_text()


async def document(operator: Operator, *arguments: str) -> Any:  # noqa: ANN401  # a JSON document
    answer = await command(operator, *arguments, "--json")
    assert answer.code == 0, answer.err
    return answer.json


async def next_day(operator: Operator) -> None:
    now = await chain.block_time(operator.devnet)
    await chain.move_time_to(operator.devnet, Timestamp((now // DAY_S + 1) * DAY_S + 60))


async def pin_codes(operator: Operator) -> None:
    """Do as the doctor says with the code of contracts."""
    warned = (await document(operator, "doctor"))["findings"]
    pins = [PIN.search(item["remedy"] or "") for item in warned]
    lines = ", ".join(found[1] for found in pins if found)
    text = operator.config.read_text()
    operator.config.write_text(text.replace("\n    tokens:", f"\n    code_hashes: {{{lines}}}\n    tokens:"))


def limit(limits: list[dict[str, Any]], unit: str) -> dict[str, Any]:
    (found,) = [item for item in limits if item["unit"] == unit]
    return found


async def test_doctor_finds_everything_in_place(operator: Operator) -> None:
    await pin_codes(operator)
    found = (await document(operator, "doctor"))["findings"]

    assert {finding["level"] for finding in found} == {"ok"}
    names = {finding["name"] for finding in found}
    assert {
        "store",
        "key worker",
        "chain 31337 rpc",
        "chain 31337 entry_point_0_7",
        "chain 31337 multicall3",
        "chain 31337 smart_session",
        "chain 31337 usage_limit_policy",
        "chain 31337 token USDC",
        "session main enabled",
        "session main as granted",
        "session main expiry",
        "session main gas funds",
    } <= names
    assert any(name.startswith("chain 31337 bundler") for name in names)


async def test_doctor_names_contracts_whose_code_nobody_pinned(operator: Operator) -> None:
    warned = (await document(operator, "doctor"))["findings"]
    codes = {item["name"]: item for item in warned if item["level"] == "warn"}

    assert codes.keys() == {
        f"chain 31337 {name} code"
        for name in (
            *("smart_session", "ownable_validator", "erc20_spending_limit_policy"),
            *("time_frame_policy", "usage_limit_policy", "simple_gas_policy"),
        )
    }
    assert all("its address alone is trusted by main" in item["message"] for item in codes.values())
    assert (await command(operator, "doctor", "--strict")).code == 12

    await pin_codes(operator)
    assert (await command(operator, "doctor", "--strict")).code == 0

    # Pinned to other code, a policy is refused.
    text = operator.config.read_text()
    operator.config.write_text(re.sub(r'"0x[0-9a-f]{64}"', f'"0x{"11" * 32}"', text))
    linted = await command(operator, "sessions", "lint", "main")
    assert linted.code == 6
    assert "L24 refuse: the code of " in linted.out


async def test_doctor_names_what_is_wrong_and_what_to_do(operator: Operator) -> None:
    (operator.folder / "keys" / "worker.key").chmod(0o644)
    text = operator.config.read_text().replace("decimals: 6", "decimals: 18")
    operator.config.write_text(text)

    answer = await command(operator, "doctor", "--json")

    failed = {item["name"]: item for item in answer.json["findings"] if item["level"] == "fail"}
    assert answer.code == 3
    assert failed.keys() == {"key worker", "chain 31337 token USDC"}
    assert "chmod 600" in failed["key worker"]["remedy"]
    assert failed["chain 31337 token USDC"]["message"] == "the chain says 6 decimals, the configuration 18"


async def test_doctor_says_once_that_the_node_is_gone(operator: Operator) -> None:
    text = operator.config.read_text().replace(
        operator.devnet.rpc_url, "http://127.0.0.1:9/canary-path-0123456789"
    )
    operator.config.write_text(text)

    answer = await command(operator, "doctor", "--json")

    failed = [item["name"] for item in answer.json["findings"] if item["level"] == "fail"]
    assert (answer.code, failed) == (7, ["chain 31337 rpc"])
    assert "canary-path" not in answer.out + answer.err


async def test_plan_shows_each_fire_and_what_it_leaves(operator: Operator) -> None:
    found = await document(operator, "plan", "--count", "3")

    assert found["changes"] == [{"job": "rent", "kind": "new"}]
    assert [fire["would"] for fire in found["fires"]] == ["send"] * 3
    due = [fire["due_at"] for fire in found["fires"]]
    assert [later - earlier for earlier, later in pairwise(due)] == [DAY_S, DAY_S]
    assert [limit(fire["leaves"], "uses")["remaining"] for fire in found["fires"]] == [19, 18, 17]
    assert [limit(fire["leaves"], "token")["remaining"] for fire in found["fires"]] == [
        990_000_000,
        980_000_000,
        970_000_000,
    ]
    assert all(fire["gas_cost_wei"] > 0 and fire["time_zone"] == "UTC" for fire in found["fires"])
    assert (await command(operator, "plan", "--exit-code")).code == 4


async def test_plan_shows_the_fire_that_the_session_has_no_room_for(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [RENT], spending=25_000_000)

    fires = (await document(operator, "plan", "--count", "3"))["fires"]

    assert [(fire["would"], fire["code"]) for fire in fires] == [
        ("send", None),
        ("send", None),
        ("refuse", "spending_limit"),
    ]


async def test_paid_period_is_in_status_runs_and_jobs(operator: Operator) -> None:
    ran = await command(operator, "run", "--once")

    assert (ran.code, ran.out) == (0, "")
    assert_json_lines_without(ran.err, operator.session_key)
    (run,) = (await document(operator, "runs", "list"))["runs"]
    assert (run["job"], run["state"], run["code"]) == ("rent", "final_ok", None)
    detail = await document(operator, "runs", "show", str(run["id"]))
    assert [operation["user_op_hash"] for operation in detail["operations"]] == [run["user_op_hash"]]
    assert "claim plan sign send" in " ".join(entry["event"] for entry in detail["history"])
    status = await document(operator, "status")
    assert (status["mode"], status["runs"], status["in_flight"]) == ("live", {"final_ok": 1}, [])
    assert limit(status["sessions"][0]["limits"], "token")["used"] == 10_000_000
    assert status["chains"][0]["problem"] is None
    (job,) = (await document(operator, "jobs", "list"))["jobs"]
    assert (job["condition"], job["next_sequence"], job["reference"]) == ("active", 1, "R-1")
    assert (await command(operator, "plan", "--exit-code")).code == 0
    resolved = await command(operator, "runs", "resolve", "1", "--paid", "--reason", "seen")
    assert (resolved.code, resolved.err[:29]) == (6, "not_resolvable run 1 is final")


async def test_paused_job_pays_nothing_until_it_is_resumed(operator: Operator) -> None:
    await run_once(operator)
    await document(operator, "jobs", "pause", "rent", "--reason", "owner asked")
    await next_day(operator)

    await run_once(operator)

    shown = await document(operator, "jobs", "show", "rent")
    assert (shown["condition"], shown["pause_reason"], len(shown["recent"])) == ("paused", "owner asked", 1)
    await document(operator, "jobs", "resume", "rent")
    assert (await command(operator, "jobs", "pause", "nobody")).code == 5
    await run_once(operator)
    runs = (await document(operator, "runs", "list"))["runs"]
    assert [run["state"] for run in runs] == ["final_ok", "final_ok"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("runs", "resolve", "1"), 2),
        (("runs", "show", "99"), 5),
        (("jobs", "show", "nobody"), 5),
        (("jobs", "pause", "rent"), 3),
    ],
)
async def test_before_the_first_start_nothing_is_found_or_changed(
    operator: Operator, arguments: tuple[str, ...], code: int
) -> None:
    assert (await command(operator, *arguments)).code == code
    assert not (operator.folder / "state").exists()


async def test_lost_journal_pays_nothing_twice_until_a_person_has_looked(operator: Operator) -> None:
    await run_once(operator)
    shutil.rmtree(operator.folder / "state")
    await run_once(operator)

    (held,) = (await document(operator, "status"))["held"]
    assert (held["job"], held["state"], held["code"]) == ("rent", "held", "lane_ahead")
    assert (await command(operator, "doctor", "--strict")).code == 12
    decided = await document(
        operator, "runs", "resolve", str(held["id"]), "--paid", "--reason", "paid before the disk broke"
    )
    assert (decided["state"], decided["code"]) == ("final_ok", "resolved_paid")
    await next_day(operator)
    await run_once(operator)
    newest = (await document(operator, "runs", "list", "--state", "final_ok"))["runs"][0]
    assert newest["nonce"]["sequence"] == 1


async def test_looking_makes_no_store(operator: Operator) -> None:
    for arguments in (("status",), ("jobs", "list"), ("runs", "list"), ("plan",), ("doctor",)):
        await document(operator, *arguments)

    assert not (operator.folder / "state").exists()


async def test_second_worker_on_a_store_is_refused(operator: Operator) -> None:
    async with a_worker(operator):
        answer = await command(operator, "run", "--once")

    assert answer.code == 75
    assert answer.err.startswith("store_in_use ") or "\nstore_in_use " in answer.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_worker_serves_its_pages_and_drains_on_a_signal(
    operator: Operator, number: signal.Signals, code: int
) -> None:
    async with a_worker(operator) as (process, url):
        page = await ready_page(url)
        assert leaves_no_core(process.pid)
        process.send_signal(number)
        assert await asyncio.to_thread(process.wait, STARTED_WITHIN_S) == code

    assert 'sessionkeeper_build_info{mode="live"' in page
    assert "sessionkeeper_chain_head_number" in page


@asynccontextmanager
async def a_worker(operator: Operator) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    with kept_port() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "-c", str(operator.config)],
            cwd=ROOT,
            env=os.environ | {"SESSIONKEEPER_WEB_PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            await ready_page(url)
            yield process, url
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


async def ready_page(url: str) -> str:
    """Wait until the worker is ready, and return its metrics."""
    async with asyncio.timeout(STARTED_WITHIN_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url + "/readyz") as ready, session.get(url + "/metrics") as metrics:
                    if ready.status == 200:
                        return await metrics.text()
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


def leaves_no_core(process_id: int) -> bool:
    """Whether a crash would leave no core file, which would hold the session keys."""
    limits = Path(f"/proc/{process_id}/limits")
    return not limits.exists() or re.search(r"core file size +0 +0 ", limits.read_text()) is not None


def assert_json_lines_without(text: str, secret: bytes) -> None:
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"recovered", "started"} <= {line["event"] for line in lines}
    assert all(line["mode"] == "live" for line in lines)
    assert secret.hex() not in text
