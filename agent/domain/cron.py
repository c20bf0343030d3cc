"""Five-field cron expressions, through APScheduler's trigger."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

from agent.domain.period import Period

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/([1-9]))?", re.ASCII)
_HORIZON = datetime(2200, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4_096)
def trigger(expression: str) -> CronTrigger:
    """Return the trigger; raise ValueError with the reason when the expression is not valid."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"a cron expression has five fields, this has {len(fields)}")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        # Cron means "either", APScheduler means "both": nobody should have to know.
        raise ValueError("give the day of the month or the day of the week, and * for the other")
    return CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month.lower(),
        day_of_week=_weekdays(weekday),
        # The trigger walks wall-clock time; local_time says which instants these are.
        timezone=UTC,
        end_date=_HORIZON,
    )


def next_wall(expression: str, after: datetime) -> datetime | None:
    """Return the first wall-clock time behind `after` that matches; None when none ever does."""
    # Fire times are whole minutes; the trigger takes its start as included.
    start = after.replace(second=59, microsecond=1, tzinfo=UTC)
    fire = trigger(expression).get_next_fire_time(None, start)
    return None if fire is None else fire.replace(tzinfo=None)


@lru_cache(maxsize=4_096)
def granularity(expression: str) -> Period:
    """Return the longest period in which the expression matches at most once."""
    minute, hour, day, month, weekday = expression.split()
    if not minute.isdigit():
        return Period.MINUTE
    if not hour.isdigit():
        return Period.HOUR
    if weekday != "*":
        return Period.WEEK if weekday.isalnum() else Period.DAY
    if not day.isalnum():
        return Period.DAY
    return Period.YEAR if month.isalnum() else Period.MONTH


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    # APScheduler counts from Monday and cron from Sunday: only names mean the same to both.
    chosen = {number for part in field.lower().split(",") for number in _weekday_part(part)}
    return ",".join(WEEKDAYS[number] for number in sorted(chosen))


def _weekday_part(part: str) -> set[int]:
    match = _WEEKDAY_PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is not a day of the week")
    everything, first, last, step = match.groups()
    low = 0 if everything == "*" else _weekday(first)
    high = 6 if everything == "*" or (step and not last) else _weekday(last or first)
    if last and high == 0 < low:
        high = 7
    if low > high:
        raise ValueError(f"{part!r} runs backwards: the week starts on Sunday, so write a list")
    return {number % 7 for number in range(low, high + 1, int(step or 1))}


def _weekday(text: str) -> int:
    if text.isdigit() and int(text) <= 7:
        return int(text)
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    raise ValueError(f"{text!r} is not a day of the week: write 0 to 7 or sun to sat")
