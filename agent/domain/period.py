"""Billing periods and their names: `2026`, `2026-03`, `2026-W12`, `2026-03-14`, `…T09`, `…T09:30`."""

import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum

# Wall-clock times bear no zone here: local_time says which instants they are.
_EPOCH = datetime.combine(date(1970, 1, 1), time())
_MONDAY = datetime.combine(date(1969, 12, 29), time())
_KEY = re.compile(
    r"(?P<year>\d{4})(?:-W(?P<week>\d\d)|-(?P<month>\d\d)"
    r"(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d)(?::(?P<minute>\d\d))?)?)?)?",
    re.ASCII,
)


class Period(StrEnum):
    """How long one charge lasts."""

    YEAR = "year"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


_FORMATS = {
    Period.YEAR: "%Y",
    Period.MONTH: "%Y-%m",
    Period.WEEK: "%G-W%V",
    Period.DAY: "%Y-%m-%d",
    Period.HOUR: "%Y-%m-%dT%H",
    Period.MINUTE: "%Y-%m-%dT%H:%M",
}
_BY_PARTS = (Period.YEAR, Period.MONTH, Period.DAY, Period.HOUR, Period.MINUTE)
_LENGTHS = {
    Period.WEEK: timedelta(days=7),
    Period.DAY: timedelta(days=1),
    Period.HOUR: timedelta(hours=1),
    Period.MINUTE: timedelta(minutes=1),
}


def key_of(period: Period, shown: datetime) -> str:
    """Name the period that holds this wall-clock time."""
    return shown.strftime(_FORMATS[period])


def start_of(period: Period, shown: datetime) -> datetime:
    """Return the wall-clock time at which the period holding this one starts."""
    midnight = shown.replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.YEAR:
            return midnight.replace(month=1, day=1)
        case Period.MONTH:
            return midnight.replace(day=1)
        case Period.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        case Period.DAY:
            return midnight
        case Period.HOUR:
            return shown.replace(minute=0, second=0, microsecond=0)
        case Period.MINUTE:
            return shown.replace(second=0, microsecond=0)


def next_start(period: Period, start: datetime) -> datetime:
    """Return where the following period starts."""
    match period:
        case Period.YEAR:
            return start.replace(year=start.year + 1)
        case Period.MONTH:
            return (start + timedelta(days=31)).replace(day=1)
        case _:
            return start + _LENGTHS[period]


def number_of(period: Period, start: datetime) -> int:
    """Count periods since 1970; grows by one from each period to the next."""
    match period:
        case Period.YEAR:
            return start.year - 1970
        case Period.MONTH:
            return (start.year - 1970) * 12 + start.month - 1
        case Period.WEEK:
            return (start - _MONDAY) // _LENGTHS[period]
        case _:
            return (start - _EPOCH) // _LENGTHS[period]


def parse_key(key: str) -> tuple[Period, datetime]:
    """Read a period's name back into its start; raise ValueError on anything else."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"{key!r} is not the name of a period")
    year, week = int(match["year"]), match["week"]
    if week is not None:
        return Period.WEEK, datetime.combine(date.fromisocalendar(year, int(week), 1), time())
    given = [int(part) for part in match.group("month", "day", "hour", "minute") if part is not None]
    month, day, hour, minute = (*given, *(1, 1, 0, 0)[len(given) :])
    return _BY_PARTS[len(given)], datetime.combine(date(year, month, day), time(hour, minute))
