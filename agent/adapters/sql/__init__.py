"""The journal in SQLite or PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from agent.adapters.sql.engine import create_file, postgres_engine, sqlite_engine, sqlite_path, store_url
from agent.adapters.sql.journal import SqlJournal
from agent.adapters.sql.lock import (
    FileLock,
    connection_lock_owner,
    file_lock_owner,
    lock_with_connection,
)
from agent.adapters.sql.schema import migrate
from agent.adapters.sql.transaction import unavailable
from agent.domain.errors import StoreUnavailable

__all__ = ["SqlJournal", "beside", "is_there", "open_journal", "worker_of"]


def is_there(url: str) -> bool:
    """Say whether a store was made already; a PostgreSQL server is taken at its word."""
    parsed = store_url(url)
    return parsed.drivername != "sqlite" or sqlite_path(parsed).exists()


def beside(url: str, suffix: str) -> Path | None:
    """Return the file beside the journal's own, None for a store on a server."""
    parsed = store_url(url)
    if parsed.drivername != "sqlite":
        return None
    path = sqlite_path(parsed)
    return path.with_name(path.name + suffix)


def worker_of(url: str) -> str | None:
    """Say which worker has the store, running or hung; None when none has. Raises StoreUnavailable."""
    parsed = store_url(url)
    if parsed.drivername == "sqlite":
        return file_lock_owner(sqlite_path(parsed))
    engine = postgres_engine(parsed, writes=False)
    try:
        return connection_lock_owner(engine)
    except SQLAlchemyError as error:
        raise unavailable(error) from error
    finally:
        engine.dispose()


def open_journal(url: str, *, exclusive: bool) -> SqlJournal:
    """Open a store and bring it to this release's schema; the worker opens it exclusively, commands do not.

    Raises SettingsError on a URL of another kind, StoreInUse when another worker has it, StoreRefused when
    it is not durable or a newer release wrote it, StoreUnavailable when it does not answer.
    """
    parsed = store_url(url)
    try:
        return (
            _open_sqlite(parsed, exclusive)
            if parsed.drivername == "sqlite"
            else _open_postgres(parsed, exclusive)
        )
    except SQLAlchemyError as error:
        raise unavailable(error) from error
    except OSError as error:
        raise StoreUnavailable(f"the journal's file cannot be opened: {error}") from error


def _open_sqlite(url: URL, exclusive: bool) -> SqlJournal:  # noqa: FBT001 - passed on as it came
    path = sqlite_path(url)
    create_file(path)
    release = FileLock(path).release if exclusive else _nothing
    engines = sqlite_engine(path, writes=True), sqlite_engine(path, writes=False)
    return _checked(*engines, release)


def _open_postgres(url: URL, exclusive: bool) -> SqlJournal:  # noqa: FBT001 - passed on as it came
    writes = postgres_engine(url, writes=True)
    if exclusive:
        lock_with_connection(writes)
    return _checked(writes, postgres_engine(url, writes=False), _nothing)


def _checked(writes: Engine, reads: Engine, release: Callable[[], None]) -> SqlJournal:
    try:
        with writes.begin() as connection:
            migrate(connection)
    except BaseException:
        writes.dispose()
        release()
        raise
    return SqlJournal(writes, reads, release)


def _nothing() -> None:
    """Release what the connection held; it goes with the connection."""
