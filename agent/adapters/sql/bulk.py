"""Run one statement for many rows at the driver's own speed."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase

Compiled = tuple[str, tuple[str, ...] | None]
_COMPILED: dict[tuple[UpdateBase, str], Compiled] = {}


def run_many(connection: Connection, statement: UpdateBase, rows: Sequence[dict[str, Any]]) -> int:
    """Execute for each row and return how many rows it touched; values are as the driver takes them.

    The statement is compiled once and kept: make it once. SQLAlchemy alone would convert every value of
    every row, which takes longer than SQLite's insert.
    """
    text, order = _compiled(connection, statement, rows[0])
    parameters = list(rows) if order is None else list(map(itemgetter(*order), rows))
    return connection.exec_driver_sql(text, parameters).rowcount


def _compiled(connection: Connection, statement: UpdateBase, row: dict[str, Any]) -> Compiled:
    key = statement, connection.dialect.name
    if key not in _COMPILED:
        compiled = statement.compile(dialect=connection.dialect, column_keys=list(row))
        order = compiled.positiontup
        _COMPILED[key] = str(compiled), None if order is None else tuple(order)
    return _COMPILED[key]
