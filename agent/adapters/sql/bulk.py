"""Statements over many rows, at the driver's own speed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select

Statement = UpdateBase | Select[*tuple[Any, ...]]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement's text, the order of its parameters (None: by name), and those it brings itself."""

    text: str
    order: tuple[str, ...] | None
    constants: Values


_COMPILED: dict[tuple[Statement, str], _Compiled] = {}


def run_many(connection: Connection, statement: UpdateBase, rows: Sequence[Values]) -> int:
    """Execute for each row and return how many rows it touched; values are as the driver takes them.

    The statement is compiled once and kept: make it once. SQLAlchemy alone would convert every value of
    every row, which takes longer than SQLite's insert.
    """
    compiled = _compiled(connection, statement, rows[0])
    order = compiled.order
    parameters = list(rows) if order is None else list(map(_picker(order), rows))
    return connection.exec_driver_sql(compiled.text, parameters).rowcount


def fetch_all(
    connection: Connection, statement: Select[*tuple[Any, ...]], values: Values
) -> Sequence[tuple[Any, ...]]:
    """Return the rows as the driver gives them; the statement is kept like those of `run_many`."""
    compiled = _compiled(connection, statement, values)
    given = compiled.constants | values
    parameters = given if compiled.order is None else _picker(compiled.order)(given)
    return connection.exec_driver_sql(compiled.text, parameters).cursor.fetchall()


def _picker(order: tuple[str, ...]) -> Callable[[Values], Any]:
    # Of one name or none, itemgetter makes no tuple.
    return itemgetter(*order) if len(order) > 1 else lambda values: tuple(values[name] for name in order)


def _compiled(connection: Connection, statement: Statement, row: Values) -> _Compiled:
    key = statement, connection.dialect.name
    if key not in _COMPILED:
        compiled = statement.compile(dialect=connection.dialect, column_keys=list(row))
        constants = {name: value for name, value in compiled.params.items() if name not in row}
        order = compiled.positiontup
        _COMPILED[key] = _Compiled(str(compiled), None if order is None else tuple(order), constants)
    return _COMPILED[key]
