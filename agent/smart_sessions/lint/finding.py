"""What a rule says about a session."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding weighs."""

    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence an owner understands, with both numbers where there are any, and what to do."""

    rule: str
    """`L01` to `L38`; never another meaning under the same code."""
    level: Level
    sentence: str
    remedy: str
    allowed: bool = False
    """Whether the operator has listed the rule in the session's file: then nothing is refused for it."""
    is_drift: bool = False
    """Whether it is what an owner did on chain since: it stops that session alone, not what else runs."""

    @property
    def refuses(self) -> bool:
        """Whether the session may not be granted like this."""
        return self.level is Level.REFUSE and not self.allowed


def refuse(rule: str, sentence: str, remedy: str) -> Finding:
    """Say that the session may not be granted."""
    return Finding(rule, Level.REFUSE, sentence, remedy)


def warn(rule: str, sentence: str, remedy: str) -> Finding:
    """Say that the owner should know."""
    return Finding(rule, Level.WARN, sentence, remedy)
