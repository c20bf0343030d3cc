"""A value that crosses a level: hysteresis, confirmation over blocks, and one firing a crossing."""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from agent.domain.watching import Again, Memory
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN, Unknown, Verdict


class Side(StrEnum):
    """Where the value must stand; the level itself counts."""

    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Crossed:
    """What one look found."""

    verdict: Verdict
    """TRUE from a confirmed crossing until the value is back at the re-arm level: for level triggers."""
    fires: bool
    """Whether this look confirmed a crossing: for edge triggers. Once per crossing."""
    again: Again
    """By change of the value, and at the block that confirms a crossing under way.

    A price adds the time at which it goes stale: `PriceSource.turns_at`.
    """
    confirming: bool
    """Whether it counts blocks now."""
    memory: Memory
    """This crossing's own entries. Drop it (keep what you had) and the look never happened."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """At or below (or above) `level` for so many blocks; armed again at the re-arm level.

    A job that starts with the value already there fires at once. An unknown value is neither here nor
    there: it ends a confirmation under way, and arms nothing.
    """

    side: Side
    level: Fraction
    rearm: Fraction | None = None
    """On the other side of `level`; None arms again as soon as the value leaves `level`."""
    confirmations: int = 1
    """Blocks for which the value must stand there, the first one counted."""
    name: str = ""
    """Tells apart several crossings in one memory; never changes."""
    _on: str = field(init=False, repr=False, compare=False)
    _since: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        prefix = f"{self.name}." if self.name else ""
        object.__setattr__(self, "_on", prefix + "on")
        object.__setattr__(self, "_since", prefix + "since")
        if self.confirmations < 1:
            raise ValueError(f"a crossing is confirmed by at least one block, not {self.confirmations}")
        if self.rearm is not None and not self._beyond(self.rearm):
            raise ValueError(f"the re-arm level {self.rearm} does not lie beyond the level {self.level}")

    def look(self, value: Fraction | int | Unknown, block: int, memory: Memory) -> Crossed:
        """Judge the value at a block; `memory` is what the last look of this crossing returned."""
        on, since = memory.get(self._on, 0) == 1, memory.get(self._since)
        if isinstance(value, Unknown):
            return Crossed(
                UNKNOWN,
                fires=False,
                again=_ON_CHANGE,
                confirming=False,
                memory=self._memory(on=on, since=None),
            )
        if on:
            on = not self._back(value)
            return Crossed(
                TRUE if on else FALSE,
                fires=False,
                again=_ON_CHANGE,
                confirming=False,
                memory=self._memory(on=on, since=None),
            )
        if self._beyond(value):
            return Crossed(
                FALSE,
                fires=False,
                again=_ON_CHANGE,
                confirming=False,
                memory=self._memory(on=False, since=None),
            )
        # A reorg may have taken the run's first block away: a run cannot begin after this one.
        return self._confirm(block, block if since is None else min(since, block))

    def reaches(self, value: Fraction | int) -> bool:
        """Whether the value stands at the level or on its side of it."""
        return not self._beyond(value)

    def _confirm(self, block: int, since: int) -> Crossed:
        confirmed_at = since + self.confirmations - 1
        if block < confirmed_at:
            again = Again(on_change=True, at_block=confirmed_at)
            return Crossed(
                FALSE, fires=False, again=again, confirming=True, memory=self._memory(on=False, since=since)
            )
        return Crossed(
            TRUE, fires=True, again=_ON_CHANGE, confirming=False, memory=self._memory(on=True, since=None)
        )

    def _beyond(self, value: Fraction | int) -> bool:
        return value > self.level if self.side is Side.BELOW else value < self.level

    def _back(self, value: Fraction | int) -> bool:
        if self.rearm is None:
            return self._beyond(value)
        return value >= self.rearm if self.side is Side.BELOW else value <= self.rearm

    def _memory(self, *, on: bool, since: int | None) -> Memory:
        kept: dict[str, int] = {}
        if on:
            kept[self._on] = 1
        if since is not None:
            kept[self._since] = since
        return kept


_ON_CHANGE = Again(on_change=True)
