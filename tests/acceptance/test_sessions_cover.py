"""`sessions cover`, and a worker that refuses an unfit session, by the command."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.command import ROOT, Answer, inside, sessionkeeper
from tests.operator import Operator, an_operator

DUES = """\
id: dues
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 100d, anchor: "START", start: "START", count: COUNT}
spec: {amount: "10 USDC", payee: "{payee}"}
fees: {max_cost: "0.01 ether"}
retry: []
"""


def dues(count: int) -> str:
    start = datetime.now(UTC) + timedelta(days=1)
    return DUES.replace("COUNT", str(count)).replace("START", f"{start:%Y-%m-%dT00:00:00Z}")


async def command(operator: Operator, *words: str) -> Answer:
    return await asyncio.to_thread(sessionkeeper, *words, "-c", str(operator.config), folder=operator.folder)


@pytest.mark.devnet
async def test_gaps_are_counted_over_all_periods(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [dues(5)], spending=50_000_000)
    found = await command(operator, "sessions", "cover", "dues", "--json")
    assert found.code == 6, found.err
    (cover,) = found.json["covers"]
    assert (cover["granted"], cover["periods"], cover["covered"]) == (True, 5, False)
    gaps = {gap["code"]: (gap["asked"], gap["granted"]) for gap in cover["gaps"]}
    # Five periods and one spare operation; the session ends in a year, before the last of them.
    assert gaps["spending_limit"] == (60_000_000, 50_000_000)
    assert any(gap["part"] == "1 of 5 periods" for gap in cover["gaps"])
    assert set(gaps) == {"spending_limit", "ends_too_early"}
    text = {gap["code"]: gap["text"] for gap in cover["gaps"]}["spending_limit"]
    assert "transfer(address,uint256) of USDC: 60 USDC asked, 50 USDC granted; ask the owner" in text


@pytest.mark.devnet
async def test_worker_refuses_to_start_with_an_unfit_session(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [dues(1)])
    file = tmp_path / "sessions" / "main.yaml"
    file.write_text(file.read_text().replace("allow_lint: [L11]\n", ""))
    for words in (("run", "--once"), ("run", "--once", "--dry-run")):
        refused = await command(operator, *words)
        assert refused.code == 6, refused.err
        assert "session_refused 1 of the sessions in use are not fit to be used:" in refused.err
        assert "\n  main: L11 transfer(address,uint256) of USDC is limited in amount" in refused.err
    planned = await command(operator, "plan")
    assert planned.code == 0, planned.err
    assert "main: Not fit to be granted: L11. If this key leaks, at most " in planned.out


def test_one_job_or_all_is_asked_for() -> None:
    assert inside("sessions", "cover", "-c", str(ROOT / "config")).code == 2
    assert inside("sessions", "cover", "x", "--all", "-c", str(ROOT / "config")).code == 2
    assert inside("sessions", "cover", "nobody", "-c", str(ROOT / "config")).code == 5
