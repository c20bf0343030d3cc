"""`sessionkeeper kill` says what is in force, whatever else does not work."""

from pathlib import Path

import pytest

from agent.adapters.kill_file import KillFile
from agent.domain.hold import AllScope
from tests.acceptance.command import inside
from tests.unit.adapters.test_kill_file import a_full_disk
from tests.unit.definitions.files import ACCOUNT, ENVIRONMENT, write_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    write_files(tmp_path, {})
    return tmp_path


def test_a_full_disk_leaves_the_kill_and_is_told(folder: Path) -> None:
    # For the command alone: what the tests themselves write may go into a file too.
    with a_full_disk():
        killed = inside("kill", "--all", "--json", "-c", folder)
    assert (killed.code, killed.json["killed"], killed.json["revocations"]) == (0, ["all"], [])
    assert any(problem.startswith("no revocations were written") for problem in killed.json["problems"])
    assert [order.scope for order in KillFile(Path(killed.json["kill_file"])).orders()] == [AllScope()]


@pytest.mark.parametrize(
    ("named", "count"),
    [
        (("--chain", "31337"), 0),
        (("--account", str(ACCOUNT)), 0),
        (("--chain", "31338"), 1),
        (("--account", "0x" + "12" * 20), 1),
        (("--scope", "job:rentt"), 1),
    ],
)
def test_a_scope_with_nothing_of_the_files_is_told(folder: Path, named: tuple[str, ...], count: int) -> None:
    killed = inside("kill", *named, "--json", "-c", folder)
    assert killed.code == 0
    assert sum("is it the right one?" in problem for problem in killed.json["problems"]) == count
