"""Instants and schedules for tests, written as a person writes them."""

from datetime import UTC, datetime

from agent.domain.period import Period
from agent.domain.recurrence import Calendar, MonthEnd, Slot
from agent.domain.schedule import Schedule
from agent.domain.units import Timestamp


def at(text: str) -> Timestamp:
    """Return the instant of an ISO date or time; UTC unless it has an offset."""
    moment = datetime.fromisoformat(text)
    return Timestamp(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def shown(instant: Timestamp) -> str:
    """Return an instant as an ISO time in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M")


def due(slots: tuple[Slot, ...]) -> list[tuple[str, str]]:
    """Return key and UTC time of each slot."""
    return [(slot.key, shown(slot.due_at)) for slot in slots]


def monthly(
    day: int = 1,
    *,
    zone: str = "UTC",
    minute: int = 540,
    month_end: MonthEnd = MonthEnd.CLAMP,
    start: str | None = None,
    end: str | None = None,
    count: int | None = None,
) -> Schedule:
    """Return a monthly schedule at nine o'clock."""
    rule = Calendar(Period.MONTH, zone, minute, day=day, month_end=month_end)
    return Schedule(rule, at(start) if start else None, at(end) if end else None, count)


def daily(zone: str, minute: int) -> Schedule:
    """Return a daily schedule at a minute of the day."""
    return Schedule(Calendar(Period.DAY, zone, minute))
