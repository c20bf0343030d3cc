"""`sessionkeeper demo`: three payments, two orders, a loan saved, one kill, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.command import ROOT

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
DEMO = [sys.executable, "-m", "agent", "demo"]
TIMEOUT_S = 400


def test_demo_pays_trades_and_saves_a_loan_with_one_kill(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [*DEMO, "--json", "--folder", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)

    assert [payment["amount"] for payment in shown["payments"]] == [10_000_000] * 3
    assert len({payment["slot"] for payment in shown["payments"]}) == 3
    assert len({payment["transaction_hash"] for payment in shown["payments"]}) == 3
    assert shown["kills"] == 1
    order, stop, loan = (shown[name] for name in ("order", "stop", "loan"))
    assert (order["sold"], stop["sold"]) == (10**18, 10**18)
    assert order["bought"] >= 2_100_000_000
    assert stop["bought"] >= 1_690_000_000 * 99 // 100
    assert loan["health_before"] == pytest.approx(1.023e18, rel=1e-4)
    assert loan["health_after"] == pytest.approx(1.2e18, rel=5e-3)
    # Not in the attack, which was before the loan was saved.
    assert order["block"] < loan["block"] < stop["block"]
    spending = next(limit for limit in shown["limits"] if limit["policy"] == "ERC20SpendingLimit")
    assert spending["used"] == 30_000_000
    assert spending["used"] + spending["remaining"] == spending["limit"]
    for line in done.stderr.splitlines()[-3:]:
        assert "sessionkeeper" in line or "agent" in line
    assert str(folder) in done.stderr
    # The books can be read when the chain is gone.
    runs = subprocess.run(
        [sys.executable, "-m", "agent", "runs", "list", "-c", folder, "--json"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert [run["state"] for run in json.loads(runs.stdout)["runs"]] == ["final_ok"] * 6


def test_interrupted_demo_leaves_no_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*DEMO, "--folder", tmp_path / "demo"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "the worker runs" in line:
                break
        started = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(TIMEOUT_S) == 130
    assert len(started) >= 3
    deadline = time.monotonic() + 90
    while any(alive(pid) for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they did."""
    found: list[int] = []
    # Any of them, and any thread, may end while it is looked at.
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (task / "children").read_text().split())
    return [*found, *(below for child in found for below in descendants(child))]


def alive(pid: int) -> bool:
    """Tell whether a process of this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
