"""YAML to text values with places, by parser events: nothing is resolved, nothing recurses."""

import re
from collections.abc import Iterator

import yaml

from agent.definitions.source import Document, Path, Report, Tree
from agent.domain.job import Place

MAX_DEPTH = 16
MAX_NODES = 200_000
_HEX_NUMBER = re.compile(r"0x[0-9a-fA-F_]+", re.ASCII)
_NOTHING = {"", "~", "null", "Null", "NULL"}


class _StopError(Exception):
    """The rest of the file is not worth reading."""


def parse_yaml(file: str, text: str, report: Report) -> Document | None:
    """Read one document; None when its shape cannot be made out, with every mistake noted."""
    builder = _Builder(Document(file), report)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        report.add(place, "bad_yaml", str(error.problem or error.context), "correct the YAML here")
        return None
    except _StopError:
        return None
    if builder.empty:
        report.add(Place(file), "empty_file", "the file holds nothing", "write a mapping, or delete the file")
        return None
    return builder.document


def _events(text: str) -> Iterator[yaml.Event]:
    # The C parser hands out events one by one: depth is capped before any tree exists.
    yield from yaml.parse(text, Loader=yaml.CSafeLoader)


class _Builder:
    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.empty = True
        self._report = report
        self._open: list[tuple[Path, Tree]] = []
        self._key: list[str | None] = []
        self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._check(event)
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._check(event)
                self._start(event, {})
            case yaml.SequenceStartEvent():
                self._check(event)
                self._start(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._refuse(event, "alias", "an alias stands here", "write the value out")
                self._spoil(event)
                self._put(event, "")
            case yaml.DocumentStartEvent() if not self.empty:
                self._refuse(event, "several_documents", "a second document starts here", "use one file each")
                raise _StopError
            case _:
                pass

    def _check(self, event: yaml.NodeEvent) -> None:
        self._nodes += 1
        self.empty = False
        if event.anchor is not None:
            self._refuse(event, "anchor", f"the anchor &{event.anchor} stands here", "remove it")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "tag", "a tag stands here", "remove it: the field knows its type")
        if self._nodes > MAX_NODES:
            self._refuse(event, "too_many_values", f"more than {MAX_NODES} values", "split the file")
            raise _StopError

    def _start(self, event: yaml.NodeEvent, container: Tree) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, "too_deep", f"nested deeper than {MAX_DEPTH} levels", "write it flat")
            raise _StopError
        if self._awaits_key():
            self._refuse(event, "bad_key", "a list or mapping stands as a key", "use words as keys")
            raise _StopError
        path = self._put(event, container)
        self._open.append((path, container))
        self._key.append(None)

    def _end(self) -> None:
        self._open.pop()
        self._key.pop()

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._awaits_key():
            self._take_key(event)
            return
        plain = not event.style
        if plain and _HEX_NUMBER.fullmatch(event.value):
            message = f"{event.value[:42]} without quotes is a number to YAML"
            self._refuse(event, "unquoted_hex", message, f'write "{event.value[:42]}"')
        if plain and event.value in _NOTHING:
            self._refuse(event, "empty_value", "there is no value here", "write a value, or remove the key")
            self._spoil(event)
        self._put(event, event.value)

    def _take_key(self, event: yaml.ScalarEvent) -> None:
        path, container = self._open[-1]
        key = event.value
        if key == "<<" and not event.style:
            self._refuse(event, "merge_key", "a merge key stands here", "write the keys out")
            self._spoil(event)
        if isinstance(container, dict) and key in container:
            first = self.document.keys[(*path, key)][0]
            message = f"{key!r} stands here again, first in line {first}"
            self._refuse(event, "duplicate_key", message, "keep one of them")
        else:
            self.document.keys[(*path, key)] = _position(event)
        self._key[-1] = key

    def _put(self, event: yaml.Event, value: Tree) -> Path:
        if not self._open:
            self.document.root = value
            self.document.values[()] = _position(event)
            return ()
        path, container = self._open[-1]
        place: Path
        if isinstance(container, list):
            place = (*path, len(container))
            container.append(value)
        else:
            key = self._key[-1] or ""
            place = (*path, key)
            if isinstance(container, dict):
                container.setdefault(key, value)
            self._key[-1] = None
        self.document.values.setdefault(place, _position(event))
        return place

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key[-1] is None

    def _spoil(self, event: yaml.Event) -> None:
        self._report.spoiled.add(Place(self.document.file, *_position(event)))

    def _refuse(self, event: yaml.Event, code: str, message: str, fix: str) -> None:
        self._report.add(Place(self.document.file, *_position(event)), code, message, fix)


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
