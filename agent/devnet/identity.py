"""Tell a process from another that got its id later."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.devnet.errors import DevnetError

STATE_FIELD = 0
START_TIME_FIELD = 19
"""Counted from after the program's name in /proc/<pid>/stat (proc(5): field 22)."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process id and when that process started, as the system writes it."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Tell whether this very process still runs."""
        return _started(self.pid) == self.started


def identity(pid: int) -> ProcessIdentity:
    """Return the identity of a running process; raise DevnetError when there is none."""
    started = _started(pid)
    if started is None:
        raise DevnetError(f"process {pid} has ended")
    return ProcessIdentity(pid=pid, started=started)


def _started(pid: int) -> str | None:
    return _started_on_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)


def _started_on_linux(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in brackets and may hold anything, brackets too.
    fields = text.rpartition(")")[2].split()
    return None if fields[STATE_FIELD] in "ZX" else fields[START_TIME_FIELD]


def _started_elsewhere(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None
