"""From a wall clock somewhere to the one instant it means."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from agent.domain.units import Timestamp


@lru_cache(maxsize=1_024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone; raise ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone") from error


def wall(at: Timestamp, zone_name: str) -> datetime:
    """Return what a clock on the wall shows there at this instant (without a zone)."""
    return datetime.fromtimestamp(at, zone(zone_name)).replace(tzinfo=None, fold=0)


def instant(shown: datetime, zone_name: str) -> Timestamp:
    """Return the first instant at which the wall clock there shows this time or has passed it.

    A time shown twice (autumn) means its first showing; a time never shown (spring) means the end of
    the gap. Never decreases as `shown` grows.
    """
    place = zone(zone_name)
    before = _seconds(shown.replace(tzinfo=place, fold=0))
    if wall(before, zone_name) == shown:
        return before
    # In a gap fold=0 lies behind the jump and fold=1 ahead of it: the jump is between them.
    after = _seconds(shown.replace(tzinfo=place, fold=1))
    return _jump(after, before, zone_name)


def _jump(low: Timestamp, high: Timestamp, zone_name: str) -> Timestamp:
    target = _offset(high, zone_name)
    while high - low > 1:
        middle = Timestamp((low + high) // 2)
        low, high = (low, middle) if _offset(middle, zone_name) == target else (middle, high)
    return high


def _offset(at: Timestamp, zone_name: str) -> object:
    return datetime.fromtimestamp(at, zone(zone_name)).utcoffset()


def _seconds(moment: datetime) -> Timestamp:
    return Timestamp(int(moment.astimezone(UTC).timestamp()))
