import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from agent.cli.exit_codes import ExitCode
from agent.cli.root import app
from agent.telemetry.limit_gauges import LimitLabels
from agent.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operating.md").read_text()
PAGES = ("README.md", "CHANGELOG.md", "docs/operating.md", "docs/deployment.md", "docs/lint.md")
GROUP = re.compile(r"`(?:sessionkeeper )?([a-z]+(?: [a-z][a-z-]+)?)")
OF_OTHER_PROGRAMS = {"--build"}
"""`docker compose up`, as the pages tell it."""


def commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's copy of click
    """Yield every command by its words, groups included."""
    yield " ".join(path), command
    context = typer.Context(command)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from commands(command.get_command(context, name), *path, name)


COMMANDS = dict(commands(typer.main.get_command(app)))
GROUPS = {name for name, command in COMMANDS.items() if name and hasattr(command, "list_commands")}


def options_of(command: Any) -> set[str]:  # noqa: ANN401 - typer's copy of click
    words = (word for item in command.params for word in (*item.opts, *item.secondary_opts))
    return {word for word in words if word.startswith("--")}


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_that_a_page_names_exists(name: str) -> None:
    text = (ROOT / name).read_text()
    told = {" ".join(words.split()) for words in GROUP.findall(text)}
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))

    assert {words for words in told if words.split()[0] in GROUPS and words not in COMMANDS} == set()
    assert options - OF_OTHER_PROGRAMS - set().union(*map(options_of, COMMANDS.values())) == set()


def test_the_page_describes_every_command_of_sessions() -> None:
    told = {words for words in COMMANDS if words.startswith("sessions ")}

    assert {
        words for words in told if f"`{words}" not in PAGE and f"sessionkeeper {words}" not in PAGE
    } == set()


def test_page_lists_every_exit_code() -> None:
    listed = {name: int(code) for code, name in re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)}

    assert listed == {code.name.lower(): int(code) for code in ExitCode}


def test_page_lists_every_metric_with_its_labels() -> None:
    metrics = Metrics("0.1.0", "live")
    metrics.limit_observed(LimitLabels("s", "p", "l", "u"), limit=1, used=0, reserved=0)
    described = re.findall(r"^# TYPE (\S+) (\S+)$", metrics.render().decode(), re.MULTILINE)
    served = {name for name, _ in described if not name.endswith("_created")}

    assert set(re.findall(r"^\| `(sessionkeeper_\w+)`", PAGE, re.MULTILINE)) == served
