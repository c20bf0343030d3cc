"""The tree on the page about the architecture is the tree of the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.repository import ROOT, tracked_files

PAGE = ROOT / "docs" / "architecture.md"
TREE = re.search(r"^## Tree\n\n```\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
INDENT = 2
COLUMN = 31
"""Where the words begin that say what is there."""
FOLDERS = ("agent", "tests")
"""All of their folders stand in the tree."""


def listed() -> Iterator[Path]:
    """Yield every path of the tree's first column."""
    assert TREE is not None
    above: list[Path] = []
    for line in TREE[1].splitlines():
        names = line[:COLUMN].split()
        depth = (len(line) - len(line.lstrip())) // INDENT
        for name in names:
            path = Path(*above[depth - 1 : depth], name)
            yield path
            above[depth:] = [path]


def test_every_path_of_the_tree_exists() -> None:
    assert [str(path) for path in listed() if not (ROOT / path).exists()] == []


def test_every_folder_of_the_agent_and_its_tests_stands_in_the_tree() -> None:
    tracked = [path.relative_to(ROOT) for path in tracked_files()]
    folders = {Path(*path.parts[:2]) for path in tracked if path.parts[0] in FOLDERS and len(path.parts) > 2}

    assert {str(folder) for folder in folders - set(listed())} == set()


def test_every_top_folder_stands_in_the_tree() -> None:
    tracked = {path.relative_to(ROOT).parts for path in tracked_files()}
    folders = {parts[0] for parts in tracked if len(parts) > 1 and not parts[0].startswith(".")}

    assert folders - {str(path) for path in listed()} == set()


def test_every_file_that_the_tree_names_exists() -> None:
    assert TREE is not None
    named = set(re.findall(r"[a-z_]+\.(?:py|md|yaml)\b", TREE[1]))

    assert named - {path.name for path in tracked_files()} == set()
