"""The oracle's own calendar: which periods a schedule has, and when each is due."""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import count, islice, takewhile
from zoneinfo import ZoneInfo

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
Period = tuple[str, int]
"""Its name, and when it is due in seconds since 1970."""


def periods(schedule: Mapping[str, str], until: int) -> list[Period]:
    """Return every period from `start` on that is due at or before `until`."""
    start, end = moment(schedule, "start"), moment(schedule, "end")
    if start is None:
        raise ValueError("the oracle needs a schedule with a start")
    due: Iterator[Period] = (period for period in _all(schedule, start) if period[1] >= start)
    if "count" in schedule:
        due = islice(due, int(schedule["count"]))
    last = until if end is None else min(until, end)
    return list(takewhile(lambda period: period[1] <= last, due))


def moment(schedule: Mapping[str, str], name: str) -> int | None:
    """Return a bound of the schedule; a day without a time begins at midnight, an end includes its day."""
    if name not in schedule:
        return None
    text = schedule[name]
    if len(text) == len("2026-01-01"):
        day = date.fromisoformat(text) + timedelta(days=1 if name == "end" else 0)
        return int(datetime.combine(day, time(), _zone(schedule)).timestamp()) - (name == "end")
    shown = datetime.fromisoformat(text)
    return int((shown if shown.tzinfo else shown.replace(tzinfo=_zone(schedule))).timestamp())


def _all(schedule: Mapping[str, str], start: int) -> Iterator[Period]:
    if "interval" in schedule:
        return _intervals(schedule, start)
    first = datetime.fromtimestamp(start, _zone(schedule)).date()
    if schedule["calendar"] == "daily":
        return _daily(schedule, first)
    if schedule["calendar"] == "monthly":
        return _monthly(schedule, first)
    raise ValueError(f"the oracle knows no {schedule['calendar']} calendar")


def _intervals(schedule: Mapping[str, str], start: int) -> Iterator[Period]:
    anchor = moment(schedule, "anchor")
    anchor = start if anchor is None else anchor
    number, unit = re.fullmatch(r"(\d+)([smhd])", schedule["interval"]).groups()  # type: ignore[union-attr]  # a bad file may raise
    length = int(number) * UNITS_S[unit]
    name = f"{datetime.fromtimestamp(anchor, UTC):%Y%m%dT%H%M%SZ}.{length}s"
    return ((f"{name}.{place}", anchor + place * length) for place in count())


def _daily(schedule: Mapping[str, str], first: date) -> Iterator[Period]:
    for number in count():
        day = first + timedelta(days=number)
        yield day.isoformat(), _due(schedule, day)


def _monthly(schedule: Mapping[str, str], first: date) -> Iterator[Period]:
    for number in count(first.year * 12 + first.month - 1):
        year, month = number // 12, number % 12 + 1
        length, rule = monthrange(year, month)[1], schedule.get("month_end", "clamp")
        wanted = 31 if rule == "last" else int(schedule["day"])
        if wanted <= length or rule != "skip":
            yield f"{year:04}-{month:02}", _due(schedule, date(year, month, min(wanted, length)))


def _due(schedule: Mapping[str, str], day: date) -> int:
    hour, minute = schedule["at"].split(":")
    return int(datetime.combine(day, time(int(hour), int(minute)), _zone(schedule)).timestamp())


def _zone(schedule: Mapping[str, str]) -> tzinfo:
    return ZoneInfo(schedule["time_zone"]) if "time_zone" in schedule else UTC
