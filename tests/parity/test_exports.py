"""Every export of the SDKs is known, and every name and command it is compared with exists."""

from functools import reduce
from importlib import import_module
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli.root import app
from tests.parity.differences import differences
from tests.parity.exports import Entry, entries, live, live_types, mapping, others, unloadable
from tests.parity.page import PAGE, compared, page

ENTRIES = [
    entry for kind in ("session", "types") for rows in mapping()[kind].values() for entry in rows.values()
]


def test_every_export_is_known_and_every_known_export_exists() -> None:
    sessions = entries("session")
    known = {module: set(rows) for module, rows in sessions.items()}
    for group in others():
        known.setdefault(group.module, set()).update(group.names)
    found = {module: set(names) for module, names in live().items() if names}
    unknown_or_gone = {module: found[module] ^ known.get(module, set()) for module in found}
    assert {module: names for module, names in unknown_or_gone.items() if names} == {}


def test_no_export_is_listed_twice() -> None:
    listed = [(group.module, name) for group in others() for name in group.names]
    listed += [(module, name) for module, rows in entries("session").items() for name in rows]
    assert len(listed) == len(set(listed))


def test_every_type_of_sessions_is_known() -> None:
    found = {module: set(names) for module, names in live_types().items()}
    assert {module: set(rows) for module, rows in entries("types").items()} == found


def test_entry_points_that_do_not_load_are_known() -> None:
    assert unloadable() == set(mapping()["unloadable"])


@pytest.mark.parametrize("path", sorted({Entry(**row).path for row in ENTRIES if "python" in row}))
def test_python_name_exists(path: str) -> None:
    assert _found(path) is not None


@pytest.mark.parametrize("command", sorted({row["command"] for row in ENTRIES if "command" in row}))
def test_command_exists(command: str) -> None:
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize("row", ENTRIES)
def test_entry_says_what_does_the_same_or_why_nothing_does(row: dict[str, str]) -> None:
    assert row.keys() <= {"python", "command", "why"}
    assert any(row.values())


def test_every_compared_export_and_every_difference_is_on_the_page() -> None:
    names = {name for rows in entries("session").values() for name in rows}
    asked = {name for _, name in compared()} | {
        item.question.name.partition(" ")[0] for item in differences()
    }
    assert asked - names <= {"LibZip.flzCompress", "setPermit4337Paymaster"}


def test_page_is_current() -> None:
    assert PAGE.read_text() == page(), "python -m tests.parity.page"


def _found(path: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    parts = path.split(".")
    for size in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[size:], module)
    return None
