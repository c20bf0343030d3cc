"""Data goes to stdout, messages to stderr; nothing secret goes anywhere."""

import json
import sys
from collections.abc import Iterable, Sequence
from traceback import format_exception

import typer

from agent.domain.errors import AgentError
from agent.telemetry.secrets import REDACTOR

# What a terminal would obey instead of showing; line breaks and tabs are kept.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def show(text: str) -> None:
    """Print data."""
    typer.echo(_safe(text))


def show_json(document: object) -> None:
    """Print data as one JSON document; amounts are exact integers, bytes are 0x-hex."""
    typer.echo(json_text(document))


def json_text(document: object) -> str:
    """Write a JSON document as `show_json` prints it."""
    return REDACTOR.redact_text(json.dumps(document, indent=2, default=_json_text))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print aligned columns, with two blanks between them."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(text: str) -> None:
    """Print a message for a person."""
    typer.echo(_safe(text), err=True)


def report(error: BaseException, *, debug: bool) -> None:
    """Print an error: its code, what happened, what to do."""
    if debug:
        # No local variables: only lines of code and the errors' own texts.
        say("".join(format_exception(error)).rstrip())
    if isinstance(error, AgentError):
        say(f"{error.code} {error}")
        if error.remedy:
            say(f"  {error.remedy}")
    else:
        say(f"internal {type(error).__name__}: {error}")
        say("  this is a mistake in the agent; run it again with --debug and report what it prints")


def on_terminal() -> bool:
    """Say whether a person sees stdout."""
    return sys.stdout.isatty()


def _safe(text: str) -> str:
    return REDACTOR.redact_text(text).translate(_CONTROL)


def _cell(value: object) -> str:
    return "-" if value is None else str(value).replace("\n", " ").replace("\t", " ")


def _json_text(value: object) -> str:
    return "0x" + value.hex() if type(value) is bytes else str(value)
