"""A few lines at the bottom of a terminal that change in place, under messages that stay."""

import shutil
import sys
from collections.abc import Sequence

from agent.cli.output import say

UP, CLEAR = "\x1b[{}F", "\x1b[J"
WIDTH = 110


class LiveLines:
    """Rows of a name and a text, drawn anew whenever they change; it writes to stderr alone."""

    def __init__(self) -> None:
        self._drawn = 0
        self._rows: list[tuple[str, str]] = []

    def tell(self, text: str) -> None:
        """Print a message above the rows."""
        self._erase()
        say(text)
        self._draw()

    def show(self, rows: Sequence[tuple[str, str]]) -> None:
        """Draw these rows in place of the last ones."""
        if list(rows) != self._rows:
            self._rows = list(rows)
            self._erase()
            self._draw()

    def _erase(self) -> None:
        if self._drawn:
            sys.stderr.write(UP.format(self._drawn) + CLEAR)
            sys.stderr.flush()
        self._drawn = 0

    def _draw(self) -> None:
        if not self._rows:
            return
        # A line that wraps would be two to move up over.
        width = min(shutil.get_terminal_size().columns - 1, WIDTH)
        names = max(len(name) for name, _ in self._rows)
        lines = ["-" * width, *(f"{name:<{names}}  {text}"[:width] for name, text in self._rows)]
        for line in lines:
            say(line)
        self._drawn = len(lines)
