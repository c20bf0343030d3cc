"""Changing a session's file: whole or not at all, and never without keeping what was there."""

import os
from pathlib import Path
from typing import BinaryIO

from agent.definitions.mistakes import DefinitionError
from agent.definitions.sessions import SessionDefinition, session_from
from agent.definitions.source import Report
from agent.definitions.yaml_tree import parse_yaml
from agent.domain.errors import ConfigError

HISTORY = "history"
"""The folder beside the session files for those that were replaced; the loader does not look into it."""
BYTE_ORDER_MARK = "\ufeff"


class FileNotMarked(ConfigError):
    """A field cannot be added to a session's file without changing something else in it."""

    code = "session_file_not_marked"


def create_session_file(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all; raise FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _written_beside(path, text)
    try:
        # Unlike a rename, a link is never put over another file.
        path.hardlink_to(beside)
    finally:
        beside.unlink()
    _sync_folder(path.parent)


def read_session(path: Path) -> SessionDefinition:
    """Return the session of one file; raise DefinitionError."""
    report = Report()
    session = _session_in(path, _text(path), report)
    if session is None:
        raise DefinitionError(report.mistakes)
    return session


def replace_session_file(path: Path, text: str) -> Path:
    """Put the text in the file's place and return where the old file is kept."""
    kept = _keep(path)
    _write_over(path, text)
    return kept


def mark_session_file(path: Path, field: str, value: int, comment: str = "") -> None:
    """Add one number to a session's file and change no other byte; raise FileNotMarked."""
    before = read_session(path)
    text = _text(path)
    words = _one_line(comment)
    line = f"{field}: {value}" + (f"  # {words}" if words else "")
    marked = f"{text}{'' if text.endswith(chr(10)) else chr(10)}{line}\n"
    if not _reads_as(path, marked, before, field, value):
        raise FileNotMarked(f"{path} does not take another line: write {line!r} into it yourself")
    _write_over(path, marked)


def _reads_as(path: Path, text: str, before: SessionDefinition, field: str, value: int) -> bool:
    session = _session_in(path, text, Report())
    if session is None:
        return False
    names = (name for name in SessionDefinition.__slots__ if name not in (field, "place"))
    same = all(getattr(session, name) == getattr(before, name) for name in names)
    return same and getattr(session, field) == value


def _session_in(path: Path, text: str, report: Report) -> SessionDefinition | None:
    document = parse_yaml(f"{path.parent.name}/{path.name}", text.removeprefix(BYTE_ORDER_MARK), report)
    return None if document is None else session_from(document, report)


def _text(path: Path) -> str:
    # Not read_text, which would change the ends of lines.
    return path.read_bytes().decode("utf-8")


def _one_line(comment: str) -> str:
    """Drop what the loader would refuse in a file: control characters, direction marks, half characters."""
    return "".join(sign for sign in " ".join(comment.split()) if sign.isprintable())


def _keep(path: Path) -> Path:
    folder = path.parent / HISTORY
    folder.mkdir(exist_ok=True)
    content, number = path.read_bytes(), 1
    while True:
        kept = folder / f"{path.stem}.{number}.yaml"
        if kept.is_file() and kept.read_bytes() == content:
            # An edit was interrupted behind this step.
            return kept
        try:
            with kept.open("xb") as file:
                _write(file, content)
        except FileExistsError:
            number += 1
            continue
        _sync_folder(folder)
        return kept


def _write_over(path: Path, text: str) -> None:
    _written_beside(path, text).replace(path)
    _sync_folder(path.parent)


def _written_beside(path: Path, text: str) -> Path:
    # Not seen by the loader: its name has another end.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        _write(file, text.encode())
    return beside


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
