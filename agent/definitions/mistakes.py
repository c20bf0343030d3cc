"""What is wrong in the files, each with its place and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from agent.domain.errors import ConfigError
from agent.domain.job import Place

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to correct; `code` is stable and documented."""

    place: Place
    code: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.place} {self.code} {self.message}; {self.fix}"


class DefinitionError(ConfigError):
    """The files hold mistakes: all of them, in the order of files and lines."""

    code = "definition"
    remedy = "correct the files, then run: sessionkeeper validate"

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes), key=_position))
        hidden = len(self.mistakes) - _SHOWN
        more = [f"and {hidden} more"] if hidden > 0 else []
        super().__init__("\n".join([*map(str, self.mistakes[:_SHOWN]), *more]))


def _position(mistake: Mistake) -> tuple[str, int, int, str, str, str]:
    place = mistake.place
    return place.file, place.line, place.column, mistake.code, mistake.message, mistake.fix


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """Return a fix that names the closest known word, or all of them when none is close."""
    choices = sorted(known)
    close = get_close_matches(written, choices, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(choices[:20])}" if choices else "there are none yet"
