"""The tests can tell contracts that keep the rules from contracts that do not."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.devnet.compile import CONTRACTS, compile_contracts
from agent.devnet.paths import build_dir, devnet_dir
from agent.devnet.setup import set_up

pytestmark = [pytest.mark.devnet, pytest.mark.slow]

CLONE = Path(__file__).parents[2]
SOME_TESTS = {
    "test_conformance_table.py": [
        "test_entry_point_returns[spending_over_the_limit]",
        "test_entry_point_returns[usage_limit_used_up]",
        "test_entry_point_returns[signed_by_another_key]",
    ],
    "test_devnet_accounts.py": ["test_an_enabled_session_pays_through_the_bundler"],
}
REFUSAL = "if (authorizer == VALIDATION_FAILED) revert PolicyViolation(permissionId, policy);"
NOT_POLICIES = shutil.ignore_patterns("policies", "OwnableValidator.sol")


def outcomes(contracts: Path) -> dict[str, str]:
    """Run some of the tests with these contracts; tell for each how it ended."""
    tests = [f"tests/integration/{file}::{name}" for file, names in SOME_TESTS.items() for name in names]
    options = ["-rA", "-p", "no:xdist", f"--contracts={contracts}"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=CLONE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = re.findall(r"^(PASSED|FAILED|ERROR) \S+::(\S+)", ran.stdout, re.MULTILINE)
    assert ended, ran.stdout + ran.stderr
    return {name: how for how, name in ended}


def compared(contracts: Path) -> tuple[int, bool]:
    """Compare the model with these contracts; return the exit code and whether something disagreed."""
    command = ["-m", "tests.differential", "--ops", "300", "--seed", "1", "--contracts", str(contracts)]
    ran = subprocess.run([sys.executable, *command], cwd=CLONE, capture_output=True, text=True, check=False)
    return ran.returncode, bool(json.loads(ran.stdout)["disagreements"])


def a_lenient_smart_session(folder: Path) -> Path:
    """Compile a SmartSession that goes on when a policy says no."""
    sources = folder / "sources"
    shutil.copytree(CONTRACTS, sources, ignore=NOT_POLICIES)
    contract = sources / "SmartSession.sol"
    text = contract.read_text()
    assert text.count(REFUSAL) == 1
    contract.write_text(text.replace(REFUSAL, REFUSAL.replace("FAILED)", "FAILED && permissionId == 0)")))
    compile_contracts(sources, devnet_dir() / "npm" / "node_modules" / "solc", folder / "out")
    return folder / "out"


async def test_the_stand_ins_own_artifacts_pass(tmp_path: Path) -> None:
    await asyncio.to_thread(set_up)
    folder = tmp_path / "contracts"
    shutil.copytree(build_dir() / "contracts", folder, ignore=shutil.ignore_patterns(".*"))

    ended = await asyncio.to_thread(outcomes, folder)

    assert ended == dict.fromkeys([name for names in SOME_TESTS.values() for name in names], "PASSED")


async def test_a_smart_session_that_ignores_its_policies_fails(tmp_path: Path) -> None:
    await asyncio.to_thread(set_up)
    folder = await asyncio.to_thread(a_lenient_smart_session, tmp_path)

    ended = await asyncio.to_thread(outcomes, folder)

    assert ended == {
        "test_entry_point_returns[spending_over_the_limit]": "FAILED",
        "test_entry_point_returns[usage_limit_used_up]": "FAILED",
        "test_entry_point_returns[signed_by_another_key]": "PASSED",
        "test_an_enabled_session_pays_through_the_bundler": "PASSED",
    }
    assert await asyncio.to_thread(compared, folder) == (1, True)
