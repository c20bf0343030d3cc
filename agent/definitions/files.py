"""Reading files that may be hostile: inside one folder, regular, small, UTF-8, without control characters."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from agent.definitions.source import Report
from agent.domain.job import Place

MAX_YAML_BYTES = 1 << 20
MAX_ROWS_BYTES = 64 << 20
MAX_FILES = 10_000
# Tab, line feed and carriage return may stand; escapes and direction marks would fool a terminal.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of an operator's files; nothing outside it is read."""

    root: Path

    def listing(self, name: str, report: Report) -> tuple[str, ...]:
        """Return the YAML files of a subfolder, by name."""
        folder = self.root / name
        if not folder.is_dir():
            return ()
        found = sorted(path.name for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
        if len(found) > MAX_FILES:
            fix = "use one job with `rows:` for many payers"
            report.add(Place(name), "too_many_files", f"{len(found)} files, at most {MAX_FILES}", fix)
        return tuple(f"{name}/{file}" for file in found[:MAX_FILES])

    def text(self, name: str, limit: int, report: Report, cited_at: Place | None = None) -> str | None:
        """Return a file's text; None after a mistake, which is noted where the file is cited."""
        place = cited_at or Place(name)
        try:
            data = self._read(name, limit)
        except _UnreadableError as error:
            report.add(place, error.code, error.message, error.fix)
            return None
        return _decoded(name, data, report)

    def _read(self, name: str, limit: int) -> bytes:
        path = self._inside(name)
        try:
            # Non-blocking, so that a pipe cannot hold the agent; the kind is checked on the open file.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _UnreadableError("file_missing", f"there is no file {name!r}", "create it") from None
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise _UnreadableError(
                "file_unreadable", f"{name!r}: {reason}", "let the agent read it"
            ) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _UnreadableError(
                    "not_a_file", f"{name!r} is not a regular file", "write a regular file"
                )
            # Not opened before it is known to be a file: Python opens no folder.
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)
        if len(data) > limit:
            raise _UnreadableError(
                "file_too_large", f"{name!r} is larger than {limit} bytes", "split the file"
            )
        return data

    def _inside(self, name: str) -> Path:
        root = self.root.resolve()
        try:
            path = (root / name).resolve() if "\0" not in name else root
        except (OSError, RuntimeError):
            fix = "let it point to a file"
            raise _UnreadableError("file_unreadable", f"{name!r} points back to itself", fix) from None
        if path == root or not path.is_relative_to(root):
            fix = "keep every file of the agent in its folder"
            raise _UnreadableError("outside_folder", f"{name!r} leads out of the configuration folder", fix)
        return path


class _UnreadableError(Exception):
    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix


def _decoded(name: str, data: bytes, report: Report) -> str | None:
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        place = Place(name, data.count(b"\n", 0, error.start) + 1, 1)
        report.add(place, "not_utf8", "the bytes here are not UTF-8", "save the file as UTF-8")
        return None
    found = _UNPRINTABLE.search(text)
    if found is None:
        return text
    line_start = text.rfind("\n", 0, found.start()) + 1
    place = Place(name, text.count("\n", 0, found.start()) + 1, found.start() - line_start + 1)
    message = f"the control character U+{ord(found[0]):04X} stands here"
    report.add(place, "control_character", message, "remove it")
    return None
