"""Conditions of the block itself: its number and its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.domain.evaluation import ChainView, Read
from agent.domain.local_time import instant, wall
from agent.domain.units import Timestamp
from agent.domain.watching import NEVER, Again, Memory
from jobs.conditions.source import Claim
from jobs.conditions.verdict import FALSE, TRUE, Judged, known


@dataclass(frozen=True, slots=True)
class _OfBlock:
    """Reads nothing: the block says it."""

    @property
    def independent(self) -> bool:
        return True

    def reads(self) -> tuple[Read, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class BlockAt(_OfBlock):
    """True from a block on."""

    number: int

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        why = f"block {view.block_number}, waited for {self.number}"
        if view.block_number >= self.number:
            return Judged(TRUE, "block_reached", why)
        return Judged(FALSE, "block_not_reached", why, Again(at_block=self.number))


@dataclass(frozen=True, slots=True)
class BlockEvery(_OfBlock):
    """True at one block of every `count`: the multiple, or the first that is looked at after it."""

    count: int
    name: str = ""
    """Tells apart several in one memory."""

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(f"every {self.count} blocks leaves no block between to end on")

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        key, number = f"{self.name}.turn", view.block_number
        turn = number // self.count
        # A job that is new waits for the next multiple, unless this is one.
        due = memory[key] < turn if key in memory else number % self.count == 0
        kept = {key: turn}
        if due:
            # The block after must be looked at: there it is over, and the next turn can fire anew.
            return Judged(
                TRUE, "block_turn", f"block {number}, every {self.count}", Again(at_block=number + 1), kept
            )
        coming = (turn + 1) * self.count
        why = f"block {number}, the next turn is {coming}"
        return Judged(FALSE, "between_turns", why, Again(at_block=coming), kept)


@dataclass(frozen=True, slots=True)
class TimeWithin(_OfBlock):
    """True from one moment on and until another, by the block's timestamp."""

    after: Timestamp | None = None
    before: Timestamp | None = None

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        now = view.timestamp
        if self.after is not None and now < self.after:
            why = f"it is {shown(now)}, waited for {shown(self.after)}"
            return Judged(FALSE, "too_early", why, Again(at_time=self.after))
        if self.before is None:
            return Judged(TRUE, "in_time", f"it is {shown(now)}")
        if now < self.before:
            why = f"it is {shown(now)}, until {shown(self.before)}"
            return Judged(TRUE, "in_time", why, Again(at_time=self.before))
        return Judged(FALSE, "too_late", f"it is {shown(now)}, it was over at {shown(self.before)}", NEVER)


@dataclass(frozen=True, slots=True)
class TimeOfDay(_OfBlock):
    """True between two times of each day on a wall clock somewhere; past midnight where it ends earlier."""

    begins_min: int
    """Minutes after midnight."""
    ends_min: int
    zone: str

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        now = view.timestamp
        spans = list(self._spans(now))
        inside = any(begin <= now < end for begin, end in spans)
        turns_at = min(turn for span in spans for turn in span if turn > now)
        why = f"it is {shown(now)}, {'until' if inside else 'waited for'} {shown(turns_at)}"
        code = "in_hours" if inside else "out_of_hours"
        return Judged(known(inside), code, why, Again(at_time=turns_at))

    def _spans(self, now: Timestamp) -> Iterator[tuple[Timestamp, Timestamp]]:
        """Return the spans that began yesterday, today and tomorrow there, as instants."""
        midnight = wall(now, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        length = (self.ends_min - self.begins_min) % 1440 or 1440
        for day in (-1, 0, 1):
            begin = midnight + timedelta(days=day, minutes=self.begins_min)
            yield instant(begin, self.zone), instant(begin + timedelta(minutes=length), self.zone)


def shown(at: Timestamp) -> str:
    """Write a timestamp for a person, in UTC."""
    return f"{datetime(1970, 1, 1) + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}"  # noqa: DTZ001 - UTC by its Z
