"""Bugs planted into the agent, each of which the simulation has to find."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation.find import first_broken
from tests.simulation.planted import MOST_SEEDS, PLANTED, ROOT

Finder = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def finder() -> Iterator[Finder]:
    """Ask a process that has imported nothing of the agent, and forks for each bug."""
    command = [sys.executable, "-m", "tests.simulation.planted"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def find(name: str) -> dict[str, Any]:
            print(name, file=asked, flush=True)
            answer: dict[str, Any] = json.loads(answers.readline())
            return answer

        yield find


@pytest.mark.parametrize("bug", PLANTED, ids=[bug["name"].replace(" ", "-") for bug in PLANTED])
def test_a_planted_bug_is_found(bug: dict[str, Any], finder: Finder) -> None:
    found = finder(bug["name"])

    assert "error" not in found, found["error"]
    assert found, f"{MOST_SEEDS} seeds did not find it"
    assert not first_broken(bug["faults"], bug["invariant"], [found["seed"]]), "so does the agent as it is"
