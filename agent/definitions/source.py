"""A file read into plain values, every scalar as text, with the place of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.definitions.mistakes import Mistake
from agent.domain.job import Place

Tree = str | list["Tree"] | dict[str, "Tree"]
"""A value of a file: text, list or mapping. Nothing is typed before its field is known."""
Path = tuple[str | int, ...]


class Source(Protocol):
    """Something that knows where its values are written."""

    def place(self, path: Path) -> Place:
        """Return where the value at `path` is written, or the nearest value around it."""
        ...

    def key_place(self, path: Path) -> Place:
        """Return where the last key of `path` is written."""
        ...


@dataclass(slots=True)
class Document:
    """One YAML document."""

    file: str
    root: Tree = ""
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Return where the value at `path` is written, or the nearest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return Place(self.file, *self.values.get(path, (1, 1)))

    def key_place(self, path: Path) -> Place:
        """Return where the last key of `path` is written."""
        return Place(self.file, *self.keys[path]) if path in self.keys else self.place(path)


@dataclass(frozen=True, slots=True)
class Within:
    """A part of a source, seen as a source of its own."""

    whole: Source
    prefix: Path

    def place(self, path: Path) -> Place:
        """Return where the value at `path` is written, or the nearest value around it."""
        return self.whole.place(self.prefix + path)

    def key_place(self, path: Path) -> Place:
        """Return where the last key of `path` is written."""
        return self.whole.key_place(self.prefix + path)


@dataclass(slots=True)
class Report:
    """Collects mistakes while the files are read."""

    mistakes: list[Mistake] = field(default_factory=list)
    spoiled: set[Place] = field(default_factory=set)
    """Where no value could be read: whatever else is wrong there follows from that."""

    def add(self, place: Place, code: str, message: str, fix: str) -> None:
        """Note a mistake and go on."""
        if place not in self.spoiled:
            self.mistakes.append(Mistake(place, code, message, fix))


def entries(tree: Tree | None) -> Mapping[str, Tree]:
    """Return the entries of a mapping, none for anything else."""
    return tree if isinstance(tree, dict) else {}


def items(tree: Tree | None) -> Sequence[Tree]:
    """Return the items of a list; a lone value counts as a list of one."""
    if tree is None:
        return ()
    return tree if isinstance(tree, list) else (tree,)
