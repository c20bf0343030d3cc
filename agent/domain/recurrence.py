"""Rules that say when something recurs, and the names of their slots."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agent.domain import cron
from agent.domain.local_time import instant, wall
from agent.domain.period import Period, key_of, next_start, number_of, parse_key, start_of
from agent.domain.units import Timestamp

HORIZON = Timestamp(7_258_118_400)
"""2200-01-01: nothing is planned behind it."""
_ANCHOR_FORMAT = "%Y%m%dT%H%M%SZ"


class MonthEnd(StrEnum):
    """What a day means in a month that is too short for it."""

    CLAMP = "clamp"
    SKIP = "skip"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Interval:
    """Every `period_s` seconds, counted from `anchor`."""

    anchor: Timestamp
    period_s: int


@dataclass(frozen=True, slots=True)
class Cron:
    """A five-field cron expression on the wall clock of a zone."""

    expression: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """Once a day, week, month or year, at a wall-clock time of a zone."""

    every: Period
    time_zone: str
    at_minute: int
    """Minutes after midnight."""
    day: int = 1
    """Day of the month, for months and years; of no account with `MonthEnd.LAST`."""
    weekday: int = 0
    """Monday is 0; for weeks."""
    month: int = 1
    """For years."""
    month_end: MonthEnd = MonthEnd.CLAMP


Rule = Interval | Cron | Calendar


@dataclass(frozen=True, slots=True)
class Slot:
    """One period in which a job is due once."""

    key: str
    due_at: Timestamp
    ordinal: int
    """Grows by one per period: from the anchor of an interval, else from 1970."""


def walk(rule: Rule, after: Timestamp) -> Iterator[Slot]:
    """Yield the slots due later than `after`, in order, up to the horizon."""
    candidates = _interval_slots(rule, after) if isinstance(rule, Interval) else _wall_slots(rule, after)
    for slot in candidates:
        if slot.due_at > HORIZON:
            return
        if slot.due_at > after:
            yield slot


def slot_named(rule: Rule, key: str) -> Slot | None:
    """Return the rule's slot of this name; None when it has none."""
    if isinstance(rule, Interval):
        identity = _parse_interval_key(key)
        return _interval_slot(rule, identity[1]) if identity and identity[0] == rule else None
    if _parse_interval_key(key) is not None:
        return None
    _, start = parse_key(key)
    slot = next(walk(rule, Timestamp(instant(start, rule.time_zone) - 1)), None)
    return slot if slot is not None and slot.key == key else None


def covered_until(rule: Rule, key: str) -> Timestamp:
    """Return the end of the period of this name, of this rule or of one before an edit."""
    identity = _parse_interval_key(key)
    if identity is not None:
        return _interval_slot(identity[0], identity[1] + 1).due_at
    period, start = parse_key(key)
    return instant(next_start(period, start), "UTC" if isinstance(rule, Interval) else rule.time_zone)


def _interval_slots(rule: Interval, after: Timestamp) -> Iterator[Slot]:
    number = max(0, (after - rule.anchor) // rule.period_s + 1)
    while True:
        yield _interval_slot(rule, number)
        number += 1


def _interval_slot(rule: Interval, number: int) -> Slot:
    # The anchor and the length are part of the name: an edited interval is another row of periods.
    anchor = datetime.fromtimestamp(rule.anchor, UTC).strftime(_ANCHOR_FORMAT)
    key = f"{anchor}.{rule.period_s}s.{number}"
    return Slot(key, Timestamp(rule.anchor + number * rule.period_s), number)


def _parse_interval_key(key: str) -> tuple[Interval, int] | None:
    parts = key.split(".")
    if len(parts) != 3:
        return None
    anchor = datetime.strptime(parts[0], _ANCHOR_FORMAT).replace(tzinfo=UTC)
    return Interval(Timestamp(int(anchor.timestamp())), int(parts[1].removesuffix("s"))), int(parts[2])


def _wall_slots(rule: Cron | Calendar, after: Timestamp) -> Iterator[Slot]:
    period = cron.granularity(rule.expression) if isinstance(rule, Cron) else rule.every
    for shown in _walls(rule, wall(after, rule.time_zone)):
        start = start_of(period, shown)
        if _exists(start, next_start(period, start), rule.time_zone):
            yield Slot(key_of(period, shown), instant(shown, rule.time_zone), number_of(period, start))


def _exists(start: datetime, end: datetime, time_zone: str) -> bool:
    """Tell whether any instant lies in this stretch of wall-clock time (an island may skip a day)."""
    return instant(start, time_zone) < instant(end, time_zone)


def _walls(rule: Cron | Calendar, after: datetime) -> Iterator[datetime]:
    if isinstance(rule, Calendar):
        yield from _calendar_walls(rule, after)
        return
    shown = cron.next_wall(rule.expression, after)
    while shown is not None:
        yield shown
        shown = cron.next_wall(rule.expression, shown)


def _calendar_walls(rule: Calendar, after: datetime) -> Iterator[datetime]:
    start = start_of(rule.every, after)
    while start.year < 2200:
        shown = _in_period(rule, start)
        if shown is not None and shown >= after:
            yield shown
        start = next_start(rule.every, start)


def _in_period(rule: Calendar, start: datetime) -> datetime | None:
    at = timedelta(minutes=rule.at_minute)
    match rule.every:
        case Period.YEAR:
            return _in_month(rule, start.replace(month=rule.month), at)
        case Period.MONTH:
            return _in_month(rule, start, at)
        case Period.WEEK:
            return start + timedelta(days=rule.weekday) + at
        case _:
            return start + at


def _in_month(rule: Calendar, start: datetime, at: timedelta) -> datetime | None:
    length = monthrange(start.year, start.month)[1]
    if rule.month_end is MonthEnd.LAST:
        return start.replace(day=length) + at
    if rule.day > length and rule.month_end is MonthEnd.SKIP:
        return None
    return start.replace(day=min(rule.day, length)) + at
