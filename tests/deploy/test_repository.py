"""What may not be in the repository: registry hosts, machine paths, compiled contracts, long files."""

import json
import re
from pathlib import Path

import pytest

from tests.deploy.repository import ROOT, tracked_files

# Written in parts, so that this file does not name what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    ]
]
REGISTRY_HOST = re.compile("|".join(re.escape(host) for host in REGISTRY_HOSTS))
MACHINE_PATH = re.compile(r"(?<![\w.>}~-])/(?:work|root|home/\w+|Users/\w+)/[\w.]")
BINARY_SUFFIXES = {".gz", ".png"}
# Creation or runtime code of a contract starts like this and is long.
BYTECODE = re.compile(r"0x60(?:80|60|a0|c0|e0)[0-9a-f]{2,4}52[0-9a-f]{400,}")


def texts() -> list[tuple[Path, str]]:
    return [
        (path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for path in tracked_files()
        if path.suffix not in BINARY_SUFFIXES
    ]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert lines_with(REGISTRY_HOST) == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE_PATH) == []


@pytest.mark.parametrize("folder", ["work/main", "root/.pyenv", "home/anna/project", "Users/anna/x"])
def test_machine_paths_are_recognised(folder: str) -> None:
    assert MACHINE_PATH.search(f"see /{folder}")


def test_no_file_holds_compiled_contracts() -> None:
    assert lines_with(BYTECODE) == []


def test_npm_lock_files_hold_no_download_address_and_a_hash_for_every_package() -> None:
    locks = [path for path in tracked_files() if path.name == "package-lock.json"]
    assert locks
    for lock in locks:
        packages = {name: entry for name, entry in json.loads(lock.read_text())["packages"].items() if name}
        assert packages
        assert [name for name, entry in packages.items() if "resolved" in entry] == []
        unhashed = [
            name
            for name, entry in packages.items()
            if "integrity" not in entry and not entry.get("inBundle") and not entry.get("link")
        ]
        assert unhashed == []


def test_what_set_up_makes_is_ignored_by_git() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert names.isdisjoint({".venv", "build", "dist", "node_modules"})


def test_every_file_is_small_enough_to_read() -> None:
    too_long = {
        str(path): count
        for path, text in texts()
        if path.suffix in {".py", ".sol", ".cjs", ".mjs", ".js"} and (count := text.count("\n")) > 400
    }
    assert too_long == {}
