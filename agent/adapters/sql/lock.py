"""One worker per store: locks that die with their process."""

import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from agent.domain.errors import StoreInUse, StoreUnavailable

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

WORKER_LOCK = 0x5E5511
"""PostgreSQL advisory lock of the worker, held by the connection that writes."""

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02
SERVER_LOCK_TRIES = 100
"""A server keeps the lock of a connection that was cut off until it has noticed."""


class FileLock:
    """An flock on `<database>.lock`; the kernel frees it, whatever ends the process."""

    def __init__(self, database: Path) -> None:
        self._descriptor = os.open(_lock_file(database), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        if not _locked(self._descriptor):
            owner = _owner(self._descriptor)
            os.close(self._descriptor)
            raise StoreInUse(f"another worker, process {owner}, runs on {database}")
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next worker in."""
        os.close(self._descriptor)


def file_lock_owner(database: Path) -> str | None:
    """Say which process has the lock, None when none has; a process that is stopped still has it."""
    try:
        descriptor = os.open(_lock_file(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"the lock of {database} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return f"process {_owner(descriptor)}"
    else:
        return None
    finally:
        os.close(descriptor)


def connection_lock_owner(engine: Engine) -> str | None:
    """Say which connection has the worker's lock of a server; None when none has."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(_OWNER, (WORKER_LOCK,)).fetchone()
    if found is None:
        return None
    return f"database process {found[0]}" + (f" from {found[1]}" if found[1] else "")


def _lock_file(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


def _owner(descriptor: int) -> str:
    return os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"


def _locked(descriptor: int) -> bool:
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A command that asks who runs has the lock for a moment.
            time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False


def lock_with_connection(engine: Engine) -> None:
    """Make every new connection of the engine take the worker's lock, or fail with StoreInUse."""

    @event.listens_for(engine, "connect")
    def _connect(connection: "Connection", _record: object) -> None:
        with connection.cursor() as cursor:
            taken = _server_locked(cursor)
            owner = None if taken else cursor.execute(_OWNER, (WORKER_LOCK,)).fetchone()
        connection.commit()
        if not taken:
            backend, client = owner or ("unknown", None)
            where = f" from {client}" if client else ""
            raise StoreInUse(f"another worker{where}, database process {backend}, runs on this store")


def _server_locked(cursor: "Cursor[tuple[object, ...]]") -> bool:
    for _ in range(SERVER_LOCK_TRIES):
        if cursor.execute("SELECT pg_try_advisory_lock(%s)", (WORKER_LOCK,)).fetchone() == (True,):
            return True
        time.sleep(LOCK_PAUSE_S)
    return False


_OWNER = """
    SELECT activity.pid, activity.client_addr
    FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objid = %s AND pg_locks.database = activity.datid
"""
