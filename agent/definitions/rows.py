"""Rows of a template: CSV or JSON Lines, each value as text with its place."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.definitions.mistakes import did_you_mean
from agent.definitions.source import Path, Report
from agent.domain.job import Place

MAX_ROWS = 200_000
MAX_LINE = 64 << 10
_MAX_NESTING = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One row: values by column, and the line they stand in."""

    file: str
    line: int
    values: dict[str, str]
    text: str
    columns: tuple[str, ...] = ()
    """Names of a CSV file's columns; empty for JSON Lines."""

    def place(self, path: Path) -> Place:
        """Return where a column's value is written; worked out only when somebody asks."""
        name = str(path[0]) if path else ""
        column = self._csv_column(name) if self.columns else _json_column(self.text, name)
        return Place(self.file, self.line, column)

    def key_place(self, path: Path) -> Place:
        """Return where the value is written: columns have no keys of their own."""
        return self.place(path)

    def _csv_column(self, name: str) -> int:
        index = self.columns.index(name) if name in self.columns else 0
        return sum(len(cell) + 1 for cell in _raw_cells(self.text)[:index]) + 1


def read_rows(file: str, text: str, known: frozenset[str], report: Report) -> list[Row]:
    """Return the rows that can be read; note a mistake for each of the others."""
    read = _json_lines if file.endswith(".jsonl") else _csv
    rows = list(read(file, text, known, report))
    if len(rows) > MAX_ROWS:
        report.add(Place(file), "too_many_rows", f"{len(rows)} rows, at most {MAX_ROWS}", "split the file")
        return []
    return rows


def _check_names(row: Row, known: frozenset[str], report: Report) -> None:
    for name in sorted(row.values.keys() - known):
        fix = did_you_mean(name, known)
        report.add(row.place((name,)), "unknown_key", f"nothing is called {name!r} in a row", fix)


def _csv(file: str, text: str, known: frozenset[str], report: Report) -> Iterator[Row]:
    lines = text.splitlines()
    columns = tuple(cell.strip() for cell in next(csv.reader(lines[:1]), []))
    if "id" not in columns or len(set(columns)) != len(columns):
        message = "the first line must name the columns, each once, and one of them id"
        report.add(Place(file), "bad_header", message, "write id,account,session,amount")
        return
    _check_names(Row(file, 1, dict.fromkeys(columns, ""), lines[0], columns), known, report)
    for number, cells in enumerate(_cells(file, lines, report), start=2):
        if not cells:
            continue
        line = lines[number - 1]
        if len(cells) != len(columns):
            message = f"{len(cells)} values for {len(columns)} columns"
            report.add(Place(file, number), "bad_row", message, "give each column a value, or leave it empty")
            continue
        values = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
        yield Row(file, number, values, line, columns)


def _cells(file: str, lines: list[str], report: Report) -> Iterator[list[str]]:
    for number, line in enumerate(lines[1:], start=2):
        if len(line) > MAX_LINE:
            report.add(
                Place(file, number), "bad_row", "the line is too long", f"keep below {MAX_LINE} characters"
            )
            yield []
            continue
        try:
            # Line by line: a quote left open spoils one row and not the rest of the file.
            yield next(csv.reader([line], strict=True, skipinitialspace=True), [])
        except csv.Error as error:
            report.add(Place(file, number), "bad_row", str(error), "close the quotes within the line")
            yield []


def _raw_cells(line: str) -> list[str]:
    return re.findall(r'(?:^|(?<=,))(\s*"(?:[^"]|"")*"[^,]*|[^,]*)', line)


def _json_lines(file: str, text: str, known: frozenset[str], report: Report) -> Iterator[Row]:
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        place = Place(file, number)
        try:
            values = _json_object(line)
        except ValueError as error:
            report.add(place, "bad_row", str(error)[:120], 'write one object of texts: {"id": "anna", …}')
            continue
        row = Row(file, number, values, line)
        _check_names(row, known, report)
        yield row


def _json_object(line: str) -> dict[str, str]:
    if len(line) > MAX_LINE:
        raise ValueError("the line is too long")
    # Counted before parsing: the decoder recurses, and the recursion limit may have been raised.
    if line.count("{") + line.count("[") > _MAX_NESTING:
        raise ValueError("a row holds texts only, nothing nested")
    found = json.loads(line, object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=str)
    if not isinstance(found, dict):
        raise ValueError("a row is an object")  # noqa: TRY004 - the file is wrong, not a type here
    wrong = [name for name, value in found.items() if not isinstance(value, str)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} must be a text")
    return {name: value for name, value in found.items() if value}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands here twice")
    return dict(pairs)


def _json_column(text: str, name: str) -> int:
    match = re.search(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:\s*", text) if name else None
    return match.end() + 1 if match else 1
