"""Changing a session's file: whole or not at all, and no byte more than asked for."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.definitions.session_store import create_session_file, mark_session_file, read_session
from agent.definitions.session_writer import session_file
from tests.unit.definitions.files import a_session

AT = 1_790_000_000
TEXT = session_file(a_session())
KILLED = """\
import os, pathlib, signal, sys
from agent.definitions.session_store import create_session_file
# It dies where the content would become safe.
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
create_session_file(pathlib.Path(sys.argv[1]), sys.stdin.read())
"""


def a_file(folder: Path, content: bytes) -> Path:
    path = folder / "alice.yaml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [TEXT.encode(), TEXT.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + TEXT.encode()],
    ids=["unix", "dos", "byte order mark"],
)
def test_mark_is_one_line_more_and_changes_no_other_byte(tmp_path: Path, content: bytes) -> None:
    path = a_file(tmp_path, content)
    mark_session_file(path, "revoked_at", AT, "it ends")
    assert path.read_bytes() == content + f"revoked_at: {AT}  # it ends\n".encode()
    assert read_session(path).revoked_at == AT


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("a\nb: c # d", "a b: c # d"),
        ("\x1b[31mred\x00", "[31mred"),
        ("half \ud800 turned \u202e", "half  turned "),
        ("\u2028 é 🔑", "é 🔑"),
        ("\x07", ""),
    ],
)
def test_reason_of_any_characters_leaves_a_file_that_loads(tmp_path: Path, reason: str, kept: str) -> None:
    path = a_file(tmp_path, TEXT.encode())
    mark_session_file(path, "revoked_at", AT, reason)
    line = f"revoked_at: {AT}  # {kept}" if kept else f"revoked_at: {AT}"
    assert path.read_text("utf-8") == f"{TEXT}{line}\n"
    assert read_session(path).revoked_at == AT


def test_new_file_is_put_over_no_other(tmp_path: Path) -> None:
    path = a_file(tmp_path, b"somebody else's")
    with pytest.raises(FileExistsError):
        create_session_file(path, TEXT)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {path.name: b"somebody else's"}


def test_new_file_is_whole_or_not_there_when_its_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "sessions" / "alice.yaml"
    # A process of its own: a fork of this one could wait for a lock that a thread of this one holds.
    writer = subprocess.run([sys.executable, "-c", KILLED, path], input=TEXT, text=True, check=False)
    assert writer.returncode == -signal.SIGKILL
    assert not path.exists()
    create_session_file(path, TEXT)
    assert path.read_text() == TEXT
