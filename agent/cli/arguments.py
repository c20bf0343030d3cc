"""Arguments that commands share: addresses, and files that may be the standard input."""

import sys
from pathlib import Path

import typer

from agent.commands.json_document import DocumentError
from agent.domain.units import Address


def address(text: str) -> Address:
    """Read an address from the command line: checksummed, or all in one case."""
    one_case = text[2:] in {text[2:].lower(), text[2:].upper()}
    try:
        return Address.from_hex(text) if one_case else Address.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def text_of(file: str) -> str:
    """Return the text of a file, or of the standard input for `-`; raise DocumentError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise DocumentError(file, f"cannot be read: {error}") from error
