"""The three periods of the demo: the first of each of the next three months."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from agent.domain.units import Timestamp

TIME_ZONE = "Europe/Berlin"
DUE_AT = time(9)
PERIODS = 3


@dataclass(frozen=True, slots=True)
class Month:
    """One billing period: its name and when it is due."""

    name: str
    due_at: Timestamp

    def __str__(self) -> str:
        shown = datetime.fromtimestamp(self.due_at, ZoneInfo(TIME_ZONE))
        return f"{shown:%Y-%m-%d %H:%M} {TIME_ZONE}"


def coming_months(now: Timestamp) -> tuple[Month, ...]:
    """Return the months that begin after this instant."""
    today = datetime.fromtimestamp(now, ZoneInfo(TIME_ZONE)).date()
    first = today.year * 12 + today.month
    return tuple(_month(first + place) for place in range(PERIODS))


def _month(number: int) -> Month:
    day = date(number // 12, number % 12 + 1, 1)
    due = datetime.combine(day, DUE_AT, ZoneInfo(TIME_ZONE))
    return Month(f"{day:%Y-%m}", Timestamp(int(due.timestamp())))
