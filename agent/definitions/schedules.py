"""The `schedule:` of a job: its fields, and the schedule they mean."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from agent.definitions.fields import CronField, MomentField, TimeField, WeekdayField, ZoneField
from agent.definitions.source import Report, Source, Tree, entries
from agent.definitions.validation import Fields, validate
from agent.domain.local_time import instant
from agent.domain.period import Period
from agent.domain.recurrence import Calendar, Cron, Interval, MonthEnd, Rule
from agent.domain.schedule import Schedule, next_slot
from agent.domain.units import Timestamp
from jobs.fields import DurationField, IntegerField

MIN_INTERVAL_S = 60
MAX_COUNT = 10_000
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Every(StrEnum):
    """Calendar periods."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


_PERIODS = {
    Every.DAILY: Period.DAY,
    Every.WEEKLY: Period.WEEK,
    Every.MONTHLY: Period.MONTH,
    Every.YEARLY: Period.YEAR,
}
_KINDS = ("interval", "cron", "calendar")
_BOUNDS = {"start", "end", "count", "time_zone"}
_MEANINGFUL = {
    "interval": {"anchor"},
    "cron": set[str](),
    Every.DAILY: {"at"},
    Every.WEEKLY: {"at", "weekday"},
    Every.MONTHLY: {"at", "day", "month_end"},
    Every.YEARLY: {"at", "day", "month", "month_end"},
}
_NEEDED = {
    "interval": set[str](),
    "cron": {"time_zone"},
    Every.DAILY: {"at", "time_zone"},
    Every.WEEKLY: {"at", "time_zone", "weekday"},
    Every.MONTHLY: {"at", "time_zone"},
    Every.YEARLY: {"at", "time_zone", "month"},
}


class ScheduleFields(Fields):
    """When the job is due: one of interval, cron and calendar."""

    interval: DurationField | None = Field(None, description="A fixed time: 30d, 6h, P30D; at least 60 s.")
    anchor: MomentField | None = Field(
        None, description="Where an interval counts from; `start` when absent."
    )
    cron: CronField | None = Field(None, description="Minute, hour, day, month, weekday: '0 9 1 * *'.")
    calendar: Every | None = Field(None, description="daily, weekly, monthly or yearly.")
    at: TimeField | None = Field(None, description="Time of day of a calendar schedule: '09:00'.")
    day: IntegerField | None = Field(None, description="Day of the month, 1 to 31.")
    weekday: WeekdayField | None = Field(None, description="monday to sunday, for weekly.")
    month: IntegerField | None = Field(None, description="1 to 12, for yearly.")
    month_end: MonthEnd | None = Field(
        None,
        description="For a day the month lacks: clamp to its last, skip it; last is always the last day.",
    )
    time_zone: ZoneField | None = Field(None, description="IANA zone of all wall-clock times here.")
    start: MomentField | None = Field(None, description="Nothing is due before this.")
    end: MomentField | None = Field(None, description="Nothing is due after this (a day counts whole).")
    count: IntegerField | None = Field(None, description="Number of periods in all, counted from `start`.")


class _Reader:
    """Turns the fields that are right into a schedule, noting what does not fit together."""

    def __init__(self, tree: Tree, fields: Mapping[str, Any], source: Source, report: Report) -> None:
        self.written = frozenset(entries(tree))
        self._fields = fields
        self._source = source
        self._report = report
        self.sound = set(fields) == set(ScheduleFields.model_fields)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as many types as fields
        return self._fields.get(name)

    def refuse(self, name: str, code: str, message: str, fix: str) -> None:
        self.sound = False
        self._report.add(self._source.place((name,) if name else ()), code, message, fix)


def schedule_from(tree: Tree, source: Source, report: Report) -> Schedule | None:
    """Return the schedule; None after a mistake."""
    read = _Reader(tree, validate(ScheduleFields, tree, source, report), source, report)
    kinds = [name for name in _KINDS if name in read.written]
    if len(kinds) != 1:
        what = " and ".join(kinds) or f"none of {', '.join(_KINDS)}"
        read.refuse(
            kinds[1] if kinds else "", "schedule_kind", f"the schedule has {what}", "give exactly one"
        )
        return None
    kind = read["calendar"] if kinds == ["calendar"] else kinds[0]
    if read[kinds[0]] is None:
        return None
    _check_names(read, kind)
    rule = _rule(read, kind)
    schedule = _bounded(read, rule) if rule is not None else None
    if schedule is not None and read.sound:
        _check_ever_due(read, schedule)
    return schedule if read.sound else None


def _check_names(read: _Reader, kind: str) -> None:
    for name in sorted(
        read.written & (set(ScheduleFields.model_fields) - _BOUNDS - _MEANINGFUL[kind] - set(_KINDS))
    ):
        message = f"{name!r} means nothing to a schedule of the kind {kind}"
        read.refuse(name, "not_for_this_schedule", message, "remove it")
    for name in sorted(_NEEDED[kind] - read.written):
        read.refuse(
            "", "schedule_incomplete", f"a schedule of the kind {kind} needs {name!r}", f"add {name}:"
        )


def _rule(read: _Reader, kind: str) -> Rule | None:
    if kind == "interval":
        return _interval(read)
    if kind == "cron":
        return Cron(read["cron"], read["time_zone"]) if read["time_zone"] else None
    return _calendar(read, Every(kind))


def _interval(read: _Reader) -> Rule | None:
    if read["interval"] < MIN_INTERVAL_S:
        message = f"an interval of {read['interval']} s is below {MIN_INTERVAL_S} s"
        read.refuse("interval", "interval_too_short", message, "write 60s or more")
    name = "anchor" if read["anchor"] is not None else "start"
    if name not in read.written:
        fix = "add anchor: 2026-01-01T00:00:00Z; periods are counted from it"
        read.refuse("", "anchor_missing", "an interval needs an anchor or a start", fix)
        return None
    anchor = _instant(read, name)
    return Interval(anchor, read["interval"]) if anchor is not None and read.sound else None


def _calendar(read: _Reader, every: Every) -> Rule | None:
    day = _day(read, every)
    month = 1 if read["month"] is None else int(read["month"])
    if not 1 <= month <= 12:
        read.refuse("month", "impossible_date", f"there is no month {month}", "write 1 to 12")
        return None
    if every is Every.YEARLY and day > _LONGEST_MONTHS[month - 1]:
        message = f"month {month} never has a day {day}"
        read.refuse("day", "impossible_date", message, f"write 1 to {_LONGEST_MONTHS[month - 1]}")
    if read["time_zone"] is None:
        return None
    return Calendar(
        every=_PERIODS[every],
        time_zone=read["time_zone"],
        at_minute=read["at"] or 0,
        day=day,
        weekday=read["weekday"] or 0,
        month=month,
        month_end=read["month_end"] or MonthEnd.CLAMP,
    )


def _day(read: _Reader, every: Every) -> int:
    day, last = read["day"], read["month_end"] is MonthEnd.LAST
    if every not in {Every.MONTHLY, Every.YEARLY}:
        return 1
    if last and day not in {None, 31}:
        message = f"month_end: last is the last day of every month, not day {day}"
        read.refuse("day", "day_and_last", message, "remove the day, or write month_end: clamp")
    if not last and "day" not in read.written:
        read.refuse(
            "", "schedule_incomplete", f"a {every} schedule needs a day", "add day:, or month_end: last"
        )
    if day is not None and not 1 <= day <= 31:
        read.refuse("day", "impossible_date", f"no month has a day {day}", "write 1 to 31")
    return 1 if last or day is None else int(day)


def _bounded(read: _Reader, rule: Rule) -> Schedule | None:
    start, end, count = _instant(read, "start"), _instant(read, "end", whole_day=True), read["count"]
    if start is not None and end is not None and end < start:
        read.refuse("end", "end_before_start", "the schedule ends before it starts", "write a later end")
    if count is not None and not 1 <= count <= MAX_COUNT:
        read.refuse("count", "bad_count", f"{count} periods", f"write 1 to {MAX_COUNT}")
    if count is not None and "start" not in read.written and not isinstance(rule, Interval):
        read.refuse("count", "count_without_start", "a count needs a start to count from", "add start:")
    return Schedule(rule, start, end, count) if read.sound else None


def _check_ever_due(read: _Reader, schedule: Schedule) -> None:
    if next_slot(schedule, Timestamp(0)) is None:
        message = "no moment in the calendar matches this schedule"
        read.refuse(
            "cron" if read["cron"] else "", "never_due", message, "write a day that exists inside the bounds"
        )


def _instant(read: _Reader, name: str, *, whole_day: bool = False) -> Timestamp | None:
    moment: date | datetime | None = read[name]
    if moment is None:
        return None
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return Timestamp(int(moment.astimezone(UTC).timestamp()))
    if read["time_zone"] is None:
        if "time_zone" in read.written:
            return None
        fix = "add time_zone:, or write the offset: 2026-03-01T00:00:00Z"
        read.refuse(name, "moment_without_zone", f"{moment} is a different instant in each time zone", fix)
        return None
    if isinstance(moment, datetime):
        return instant(moment, read["time_zone"])
    following = moment + timedelta(days=1) if whole_day else moment
    return Timestamp(instant(datetime.combine(following, time()), read["time_zone"]) - int(whole_day))
