"""The wheel: it ships the packages agent and jobs with all their data, and nothing else."""

import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from tests.deploy.repository import ROOT, tracked_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel the way the Dockerfile does."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("sessionkeeper-*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def text_in(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return next(archive.read(each).decode() for each in archive.namelist() if each.endswith(name))


def test_every_file_of_agent_and_jobs_is_in_it(wheel: Path) -> None:
    tracked = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    shipped = {name for name in tracked if name.startswith(("agent/", "jobs/"))}
    assert shipped - names(wheel) == set()


def test_nothing_else_is_in_it(wheel: Path) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in names(wheel)} == {
        "agent",
        "jobs",
        "sessionkeeper",
    }


def test_it_installs_the_command(wheel: Path) -> None:
    parser = ConfigParser()
    parser.read_string(text_in(wheel, "entry_points.txt"))
    assert dict(parser["console_scripts"]) == {"sessionkeeper": "agent.cli:main"}


def test_it_carries_its_licence_and_the_pythons_it_runs_on(wheel: Path) -> None:
    metadata = Parser().parsestr(text_in(wheel, "METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] in {">=3.11,<3.14", "<3.14,>=3.11"}
    assert "Apache License" in text_in(wheel, "licenses/LICENSE")
