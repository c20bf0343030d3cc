"""One worker per store: locks that die with their process."""

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from agent.domain.errors import StoreInUse

if TYPE_CHECKING:
    from psycopg import Connection

WORKER_LOCK = 0x5E5511
"""PostgreSQL advisory lock of the worker, held by the connection that writes."""


class FileLock:
    """An flock on `<database>.lock`; the kernel frees it, whatever ends the process."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise StoreInUse(f"another worker, process {owner or 'unknown'}, runs on {database}") from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next worker in."""
        os.close(self._descriptor)


def lock_with_connection(engine: Engine) -> None:
    """Make every new connection of the engine take the worker's lock, or fail with StoreInUse."""

    @event.listens_for(engine, "connect")
    def _connect(connection: "Connection", _record: object) -> None:
        with connection.cursor() as cursor:
            taken = cursor.execute("SELECT pg_try_advisory_lock(%s)", (WORKER_LOCK,)).fetchone() == (True,)
            owner = None if taken else cursor.execute(_OWNER, (WORKER_LOCK,)).fetchone()
        connection.commit()
        if not taken:
            backend, client = owner or ("unknown", None)
            where = f" from {client}" if client else ""
            raise StoreInUse(f"another worker{where}, database process {backend}, runs on this store")


_OWNER = """
    SELECT activity.pid, activity.client_addr
    FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objid = %s AND pg_locks.database = activity.datid
"""
