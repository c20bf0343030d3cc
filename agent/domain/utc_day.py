"""The UTC days that the agent's own limits count by."""

from datetime import UTC, datetime

from agent.domain.units import Timestamp

DAY_S = 86_400


def day_of(at: Timestamp) -> str:
    """Return the UTC day that an operation planned at that time counts for."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def next_day(at: Timestamp) -> Timestamp:
    """Return when the next UTC day begins."""
    return Timestamp(at - at % DAY_S + DAY_S)
