"""When a job is due: pure functions from a schedule to slots.

A slot is named by its period (`2026-03`), never by its instant, so that neither a daylight saving
change nor an edited schedule charges a period twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice, takewhile

from agent.domain.recurrence import HORIZON, Interval, Rule, Slot, covered_until, slot_named, walk
from agent.domain.units import Timestamp

_DAY_S = 86_400
_LOOK_BACKS_S = (3_600, _DAY_S, 8 * _DAY_S, 40 * _DAY_S, 800 * _DAY_S, 36_600 * _DAY_S)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule and its bounds; `count` needs `start` unless the rule is an interval."""

    rule: Rule
    start: Timestamp | None = None
    end: Timestamp | None = None
    """Nothing is due after this instant."""
    count: int | None = None
    """Periods in all, the first being the first one due at or after `start`."""


class CatchUp(StrEnum):
    """What becomes of slots that were missed while nobody looked."""

    NONE = "none"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Claim:
    """What to do about a job whose armed slot is due."""

    run: Slot | None
    skipped: tuple[Slot, ...]
    """Missed slots, oldest first; of a very long row only the oldest."""
    next: Slot | None
    """What to arm next; None when the schedule is over."""
    unlisted: tuple[Slot, Slot] | None = None
    """The first and the last missed slot of those that are too many for `skipped`."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait after each failed attempt, and until when at all."""

    delays_s: tuple[int, ...] = ()
    grace_s: int = _DAY_S
    """Nothing is started later than this after the slot was due."""


def slots(schedule: Schedule, after: Timestamp) -> Iterator[Slot]:
    """Yield the slots due later than `after`, in order."""
    end = _end(schedule)
    return takewhile(lambda slot: slot.due_at <= end, _unended(schedule, after))


def next_slot(schedule: Schedule, after: Timestamp, last_key: str | None = None) -> Slot | None:
    """Return the first slot due later than `after` and outside the period named `last_key`; None at the end.

    `last_key` is the job's newest slot, be it of this schedule or of one before an edit.
    """
    if last_key is not None:
        after = Timestamp(max(after, covered_until(schedule.rule, last_key) - 1))
    return next(slots(schedule, after), None)


def slots_between(schedule: Schedule, after: Timestamp, until: Timestamp, limit: int) -> tuple[Slot, ...]:
    """Return at most `limit` slots with `after < due_at <= until`."""
    due = takewhile(lambda slot: slot.due_at <= until, slots(schedule, after))
    return tuple(islice(due, limit))


def latest_slot(schedule: Schedule, at: Timestamp) -> Slot | None:
    """Return the newest slot due at or before this instant; None when there is none."""
    at = Timestamp(min(at, _end(schedule)))
    rule = schedule.rule
    look_backs_s = (rule.period_s,) if isinstance(rule, Interval) else _LOOK_BACKS_S
    for look_back_s in look_backs_s:
        newest = None
        for slot in takewhile(lambda slot: slot.due_at <= at, slots(schedule, Timestamp(at - look_back_s))):
            newest = slot
        if newest is not None:
            return newest
    return None


def slot_for_key(schedule: Schedule, key: str) -> Slot | None:
    """Return the slot of this name by the schedule's rule, bounds aside; None when the rule has none.

    Raise ValueError when the key is no slot's name.
    """
    return slot_named(schedule.rule, key)


def claim(
    schedule: Schedule, catch_up: CatchUp, grace_s: int, armed: Slot, now: Timestamp, limit: int = 1_000
) -> Claim:
    """Decide which due slot runs and which are skipped: never more than one runs.

    The newest due slot runs while its grace lasts; with `LATEST` it runs however late it is.
    """
    newest = latest_slot(schedule, now)
    if newest is None or newest.due_at < armed.due_at:
        newest = armed
    before = Timestamp(newest.due_at - 1)
    missed = slots_between(schedule, Timestamp(armed.due_at - 1), before, limit + 1)
    unlisted = _span(schedule, missed[limit:], before)
    missed = missed[:limit]
    following = next_slot(schedule, newest.due_at, newest.key)
    if catch_up is CatchUp.LATEST or now <= newest.due_at + grace_s:
        return Claim(newest, missed, following, unlisted)
    return Claim(None, (*missed, newest), following, unlisted)


def _span(schedule: Schedule, rest: tuple[Slot, ...], until: Timestamp) -> tuple[Slot, Slot] | None:
    return (rest[0], latest_slot(schedule, until) or rest[0]) if rest else None


def grace_start(catch_up: CatchUp, due_at: Timestamp, seen_at: Timestamp) -> Timestamp:
    """Return when a slot's grace begins: a slot that was caught up gets it from when it was seen."""
    return Timestamp(max(due_at, seen_at)) if catch_up is CatchUp.LATEST else due_at


def next_attempt(
    retry: Retry, grace_from: Timestamp, attempt: int, failed_at: Timestamp, now: Timestamp
) -> Timestamp | None:
    """Return when to try again after attempt number `attempt` (from 1) failed; None at the ladder's end."""
    if attempt > len(retry.delays_s):
        return None
    at = max(failed_at + retry.delays_s[attempt - 1], now)
    return Timestamp(at) if at <= grace_from + retry.grace_s else None


def _unended(schedule: Schedule, after: Timestamp) -> Iterator[Slot]:
    if schedule.start is not None:
        after = Timestamp(max(after, schedule.start - 1))
    return walk(schedule.rule, after)


@lru_cache(maxsize=65_536)
def _end(schedule: Schedule) -> Timestamp:
    end = HORIZON if schedule.end is None else schedule.end
    if schedule.count is None:
        return end
    counted = islice(_unended(schedule, Timestamp(_origin(schedule) - 1)), schedule.count)
    final = max((slot.due_at for slot in counted), default=end)
    return min(end, final)


def _origin(schedule: Schedule) -> Timestamp:
    if schedule.start is not None:
        return schedule.start
    if isinstance(schedule.rule, Interval):
        return schedule.rule.anchor
    raise ValueError("a count of periods needs a start")
