"""The locked requirements: complete, hashed, and in step with pyproject.toml."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.repository import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NAMES = [lock.stem for lock in LOCKS]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def declared(lock: str) -> list[Requirement]:
    """Return what `requirements/<lock>.txt` has to satisfy."""
    source = ROOT / "requirements" / f"{lock}.in"
    if source.exists():
        return [Requirement(line) for line in source.read_text().splitlines()]
    runtime = [Requirement(text) for text in project()["project"]["dependencies"]]
    if lock == "runtime":
        return runtime
    return group(lock) + (runtime if lock == "dev" else [])


def group(name: str) -> list[Requirement]:
    requirements: list[Requirement] = []
    for entry in project()["dependency-groups"][name]:
        requirements += group(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return requirements


def locked(lock: str) -> dict[str, str]:
    """Return name and version of each entry; an entry that is not pinned and hashed fails the test."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    versions: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", text):
        if entry.startswith("#"):
            continue
        found = re.match(r"([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", entry)
        assert found is not None, entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        versions[canonicalize_name(found[1])] = found[2]
    return versions


def test_every_group_has_its_lock() -> None:
    assert {"build", "bench", "dev", "lock", "node", "runtime"} == set(NAMES)


@pytest.mark.parametrize("lock", NAMES)
def test_lock_satisfies_what_is_declared(lock: str) -> None:
    versions = locked(lock)
    for requirement in declared(lock):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked: make lock"
        assert version in requirement.specifier, f"{requirement} is locked at {version}: make lock"


@pytest.mark.parametrize("lock", NAMES)
def test_lock_names_no_index_no_address_and_no_path(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert (
        re.findall(r"://|--index|--extra-index|--find-links|--trusted-host|file:|^/|@ ", text, re.MULTILINE)
        == []
    )


def test_tests_run_on_what_the_image_runs_on() -> None:
    dev, runtime = locked("dev"), locked("runtime")
    assert runtime == {name: dev[name] for name in runtime}


def test_build_backend_is_locked_too() -> None:
    backend = {Requirement(text).name for text in project()["build-system"]["requires"]}
    assert backend <= locked("build").keys()
    assert backend <= locked("dev").keys()
