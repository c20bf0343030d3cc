import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.lazy import MODULES
from agent.cli.root import run
from tests.acceptance.command import ROOT, sessionkeeper

EVERY_COMMAND = (
    "run",
    "validate",
    "plan",
    "status",
    "kill",
    "unkill",
    "jobs",
    "runs",
    "sessions",
    "keys",
    "doctor",
    "op",
    "version",
)


def test_help_lists_every_command() -> None:
    answer = sessionkeeper("--help")

    assert answer.code == 0
    for command in EVERY_COMMAND:
        assert f"\n  {command} " in answer.out


@pytest.mark.parametrize("command", MODULES)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "-h"]) == 0
    assert f"Usage: sessionkeeper {command}" in capsys.readouterr().out


def test_version_is_one_json_document() -> None:
    answer = sessionkeeper("version", "--json")

    assert answer.code == 0
    assert answer.json.keys() == {"version", "python", "platform"}


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["version", "--no-such-option"], ["runs", "show", "seven"], ["keys", "new"]],
)
def test_wrong_command_line_is_exit_code_2_and_says_why(arguments: list[str]) -> None:
    answer = sessionkeeper(*arguments)

    assert (answer.code, answer.out) == (2, "")
    assert "Usage: sessionkeeper" in answer.err


def test_simple_commands_load_nothing_heavy() -> None:
    code = (
        "import sys; from agent.cli.root import run; run(['version']); run(['keys', '--help']);"
        "heavy = {'web3', 'eth_account', 'eth_keyfile', 'sqlalchemy', 'aiohttp', 'apscheduler', 'uvicorn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_shell_completion_offers_the_commands() -> None:
    words = {"COMP_WORDS": "sessionkeeper va", "COMP_CWORD": "1", "_SESSIONKEEPER_COMPLETE": "complete_bash"}

    assert sessionkeeper(environment=words).out.split() == ["validate"]


def test_shell_completion_offers_subcommands() -> None:
    words = {
        "COMP_WORDS": "sessionkeeper keys ",
        "COMP_CWORD": "2",
        "_SESSIONKEEPER_COMPLETE": "complete_bash",
    }

    assert sessionkeeper(environment=words).out.split() == ["new", "list", "address"]


def test_error_is_code_message_and_remedy_without_a_traceback(tmp_path: Path) -> None:
    answer = sessionkeeper("jobs", "list", "-c", tmp_path / "missing.yaml")

    assert (answer.code, answer.out) == (3, "")
    assert "missing.yaml" in answer.err
    assert "Traceback" not in answer.err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    answer = sessionkeeper("--debug", "jobs", "list", "-c", tmp_path / "missing.yaml")

    assert answer.code == 3
    assert "Traceback" in answer.err


def test_wrong_setting_is_named_without_its_value(tmp_path: Path) -> None:
    answer = sessionkeeper(
        "validate", folder=tmp_path, environment={"SESSIONKEEPER_LOG_LEVEL": "canary-value"}
    )

    assert answer.code == 3
    assert "SESSIONKEEPER_LOG_LEVEL" in answer.err
    assert "canary-value" not in answer.err
