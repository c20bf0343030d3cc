"""Three-valued truth: what is known to hold, known not to, and what nobody can say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from agent.domain.units import Timestamp
from agent.domain.watching import NEVER, Again, Memory


class Verdict(Enum):
    """Kleene's strong logic: unknown stays unknown unless the known part decides alone."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2

    def __and__(self, other: "Verdict") -> "Verdict":
        return self if self.value <= other.value else other

    def __or__(self, other: "Verdict") -> "Verdict":
        return self if self.value >= other.value else other

    def __invert__(self) -> "Verdict":
        return Verdict(2 - self.value)


TRUE = Verdict.TRUE
FALSE = Verdict.FALSE
UNKNOWN = Verdict.UNKNOWN


def known(holds: bool) -> Verdict:  # noqa: FBT001 - it turns a truth into a verdict
    """Return the verdict of something known."""
    return TRUE if holds else FALSE


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be told: a failed read, a stale feed, sources that disagree."""

    code: str
    """Stable, such as `price_stale`."""
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a condition makes of one block."""

    verdict: Verdict
    code: str
    why: str
    again: Again = NEVER
    """When it can become something else."""
    memory: Memory = field(default_factory=dict)
    """All it remembers from here on, and nothing of others'."""
    facts: Mapping[str, str] = field(default_factory=dict)
    confirming: bool = False
    """Whether it counts blocks now: what is not looked at confirms nothing."""


def either(one: Again, other: Again) -> Again:
    """Return when the first of two looks again."""
    return Again(
        on_change=one.on_change or other.on_change,
        at_block=_first(one.at_block, other.at_block),
        at_time=_first_time(one.at_time, other.at_time),
    )


def _first(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def _first_time(one: Timestamp | None, other: Timestamp | None) -> Timestamp | None:
    first = _first(one, other)
    return None if first is None else Timestamp(first)
