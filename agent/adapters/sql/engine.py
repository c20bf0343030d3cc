"""Engines that keep what they acknowledge: full fsync, checked, or they do not open."""

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from agent.domain.errors import SettingsError, StoreRefused

if TYPE_CHECKING:
    # SQLAlchemy imports the driver when a PostgreSQL store is opened; most stores are files.
    from psycopg import Connection as PostgresConnection
    from psycopg import Cursor
    from psycopg.rows import TupleRow

BUSY_TIMEOUT_S = 10
WRITE_LOCK = 0x5E5510
"""PostgreSQL advisory lock of one write transaction at a time, so that the hash chain is one chain."""

_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_S * 1000}


def store_url(text: str) -> URL:
    """Read `sqlite:///path` or `postgresql://…`; raise SettingsError on anything else."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsError("the store's URL is not a URL: write sqlite:///path or postgresql://…") from None
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise SettingsError(f"the store cannot be {url.drivername}: write sqlite:///path or postgresql://…")


def sqlite_path(url: URL) -> Path:
    """Return the database file, whatever link led there."""
    return Path(url.database or "").resolve()


def create_file(path: Path) -> None:
    """Make the folder and the file for their owner alone; what exists is left as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def sqlite_engine(path: Path, *, writes: bool) -> Engine:
    """Open SQLite with one connection that fsyncs each commit; a reader cannot write."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)), pool_size=1, max_overflow=0, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver would begin transactions by itself, and not the immediate ones a writer needs.
        connection.isolation_level = None
        for name, wanted in _PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {wanted}")
            found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            if found != wanted:
                raise StoreRefused(f"SQLite answers {name} = {found}, {wanted} is needed: {path}")
        connection.execute(f"PRAGMA query_only = {int(not writes)}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def postgres_engine(url: URL, *, writes: bool) -> Engine:
    """Open PostgreSQL with one connection on a server that fsyncs each commit."""
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        pool_pre_ping=not writes,
        connect_args={"connect_timeout": BUSY_TIMEOUT_S, "application_name": "sessionkeeper"},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: "PostgresConnection", _record: object) -> None:
        with connection.cursor() as cursor:
            _check_durability(cursor)
            cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'")
            if not writes:
                # A check of many tables wants them all as they were at one moment.
                cursor.execute("SET default_transaction_isolation = 'repeatable read'")
                cursor.execute("SET default_transaction_read_only = on")
        connection.commit()

    if writes:

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    return engine


def _check_durability(cursor: "Cursor[TupleRow]") -> None:
    for name in ("fsync", "synchronous_commit"):
        setting = cursor.execute(f"SHOW {name}").fetchone()
        if setting == ("off",):
            raise StoreRefused(
                f"PostgreSQL runs with {name} = off and may lose what it acknowledged: turn it on"
            )
