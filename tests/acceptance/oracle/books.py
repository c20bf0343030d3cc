"""What the agent wrote down, read from its SQLite file or PostgreSQL database without its code."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

Store = Path | str
"""A SQLite file, or the URL of a PostgreSQL database."""
DONE = frozenset({"final_ok", "skipped", "failed", "cancelled", "foreign", "held"})
"""States in which nothing more happens without a person."""


@dataclass(frozen=True)
class Row:
    """One occurrence."""

    id: int
    job: str
    slot: str
    due_at: int
    state: str
    attempt: int
    code: str
    reason: str
    settled: bool
    not_before: int
    inclusion: Mapping[str, Any] | None


@dataclass(frozen=True)
class Signed:
    """One signed operation."""

    hash: str
    occurrence: int
    nonce_key: int
    sequence: int
    attempt: int
    call_data: str
    signature: str
    planned_at_block: int


@dataclass(frozen=True)
class Books:
    """The whole journal."""

    rows: tuple[Row, ...]
    signed: Mapping[str, Signed]
    operations: tuple[Mapping[str, Any], ...] = ()
    """The bytes of every signed operation, as JSON-RPC has them."""

    def row(self, job: str, slot: str) -> Row | None:
        """Return what the books say of one period."""
        return next((row for row in self.rows if (row.job, row.slot) == (job, slot)), None)


def read_books(store: Store) -> Books:
    """Read the journal; one that was never written is empty."""
    with _opened(store) as connection:
        if connection is None:
            return Books((), {})
        rows = connection.execute("SELECT * FROM occurrences ORDER BY id").fetchall()
        found = connection.execute("SELECT record FROM operations ORDER BY position").fetchall()
    records = [json.loads(record["record"]) for record in found]
    signed = {item.hash: item for item in map(_signed, records)}
    return Books(tuple(_row(row) for row in rows), signed, tuple(record["operation"] for record in records))


def read_rows(store: Store) -> dict[tuple[str, str], Row]:
    """Read the occurrences alone, by job and slot."""
    with _opened(store) as connection:
        rows = connection.execute("SELECT * FROM occurrences").fetchall() if connection else []
    return {(row["job_id"], row["slot"]): _row(row) for row in rows}


@contextmanager
def _opened(store: Store) -> Iterator[Any]:
    """Open the store for one look at it; None while its tables are not there."""
    if isinstance(store, str):
        with psycopg.connect(store, row_factory=dict_row) as server:
            yield server
        return
    if not store.exists():
        yield None
        return
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
        yield connection if {"occurrences", "operations"} <= tables else None


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        id=row["id"],
        job=row["job_id"],
        slot=row["slot"],
        due_at=row["due_at"],
        state=row["state"],
        attempt=row["attempt"],
        code=row["code"],
        reason=row["reason"],
        settled=bool(row["settled"]),
        not_before=row["not_before"],
        inclusion=None if row["inclusion"] is None else json.loads(row["inclusion"]),
    )


def _signed(record: Mapping[str, Any]) -> Signed:
    return Signed(
        hash=record["user_op_hash"],
        occurrence=record["occurrence"],
        nonce_key=int(record["nonce"]["key"], 16),
        sequence=int(record["nonce"]["sequence"]),
        attempt=record["attempt"],
        call_data=record["operation"]["callData"],
        signature=record["operation"]["signature"],
        planned_at_block=record["planned_at_block"],
    )
