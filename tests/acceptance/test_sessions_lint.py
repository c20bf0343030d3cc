"""The lint rules by the command, with the chain asked."""

import asyncio
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.command import ROOT, inside
from tests.operator import an_operator


@pytest.mark.devnet
async def test_unfit_session_leaves_with_six_and_is_not_granted(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    file = tmp_path / "sessions" / "main.yaml"
    file.write_text(file.read_text().replace("allow_lint: [L11]\n", ""))
    linted = await asyncio.to_thread(inside, "sessions", "lint", "main", "-c", str(operator.config), "--json")
    assert linted.code == 6, linted.err
    found = {item["rule"]: item for item in linted.json["findings"]}
    refused = {rule for rule, item in found.items() if item["level"] == "refuse"}
    assert refused == {"L11"}
    # The token's issuer can bar holders and change its code: only the chain knows.
    assert "can bar holders" in found["L18"]["finding"]
    assert linted.json["most"] == [
        {"token": None, "amount": 10**19},
        {"token": str(devnet.usdc), "amount": 1_000_000_000},
    ]
    granted = await asyncio.to_thread(inside, "sessions", "grant", "main", "-c", str(operator.config))
    assert granted.code == 6
    assert granted.err.startswith("session_refused main: L11 ")


@pytest.mark.devnet
async def test_allowed_rule_lets_the_session_pass(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [])
    linted = await asyncio.to_thread(inside, "sessions", "lint", "--all", "-c", str(operator.config))
    assert linted.code == 0, linted.out
    assert linted.out.startswith("main: Fit to be granted.\n")
    assert "L11 allowed: " in linted.out


def test_one_name_or_all_is_asked_for() -> None:
    assert inside("sessions", "lint", "-c", str(ROOT / "config")).code == 2
    assert inside("sessions", "lint", "x", "--all", "-c", str(ROOT / "config")).code == 2
    assert inside("sessions", "lint", "nobody", "-c", str(ROOT / "config")).code == 5
