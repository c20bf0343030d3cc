import pytest

from agent.domain.local_time import instant, wall
from agent.domain.recurrence import Cron
from agent.domain.schedule import Schedule, slots_between
from tests.unit.domain.times import at, daily, due

FAR = at("2150-01-01")

SPRING = [
    # zone, minute of the day, the day of the gap, the first instant behind the gap
    ("America/New_York", 150, "2026-03-08", "2026-03-08T07:00"),
    ("Europe/Berlin", 150, "2026-03-29", "2026-03-29T01:00"),
    ("Australia/Lord_Howe", 135, "2026-10-04", "2026-10-03T15:30"),
    ("America/Sao_Paulo", 30, "2018-11-04", "2018-11-04T03:00"),
]
AUTUMN = [
    # zone, minute of the day, the day of the fold, the first showing
    ("America/New_York", 90, "2026-11-01", "2026-11-01T05:30"),
    ("Europe/Berlin", 150, "2026-10-25", "2026-10-25T00:30"),
    ("Australia/Lord_Howe", 105, "2026-04-05", "2026-04-04T14:45"),
]


@pytest.mark.parametrize(("zone", "minute", "day", "expected"), SPRING)
def test_a_time_in_the_gap_is_due_when_the_gap_ends(zone: str, minute: int, day: str, expected: str) -> None:
    slots = slots_between(daily(zone, minute), at(f"{day}T00:00+14:00"), FAR, 3)
    assert (day, expected) in due(slots)
    assert len({slot.key for slot in slots}) == 3


@pytest.mark.parametrize(("zone", "minute", "day", "expected"), AUTUMN)
def test_a_time_in_the_fold_is_due_at_its_first_showing(
    zone: str, minute: int, day: str, expected: str
) -> None:
    slots = slots_between(daily(zone, minute), at(f"{day}T00:00+14:00"), FAR, 3)
    assert (day, expected) in due(slots)
    assert len({slot.key for slot in slots}) == 3


@pytest.mark.parametrize(("zone", "minute", "day", "expected"), [*SPRING, *AUTUMN])
def test_cron_and_calendar_agree_on_the_day_of_the_change(
    zone: str, minute: int, day: str, expected: str
) -> None:
    cron = Schedule(Cron(f"{minute % 60} {minute // 60} * * *", zone))
    after = at(f"{day}T00:00+14:00")
    slots = slots_between(cron, after, FAR, 3)
    assert (day, expected) in due(slots)
    assert slots == slots_between(daily(zone, minute), after, FAR, 3)


def test_a_day_that_an_island_skipped_is_never_charged() -> None:
    assert due(slots_between(daily("Pacific/Apia", 540), at("2011-12-28"), FAR, 3)) == [
        ("2011-12-28", "2011-12-28T19:00"),
        ("2011-12-29", "2011-12-29T19:00"),
        ("2011-12-31", "2011-12-30T19:00"),
    ]


def test_an_hourly_job_is_charged_once_for_the_hour_shown_twice() -> None:
    schedule = Schedule(Cron("0 * * * *", "America/New_York"))
    assert due(slots_between(schedule, at("2026-11-01T04:30"), FAR, 3)) == [
        ("2026-11-01T01", "2026-11-01T05:00"),
        ("2026-11-01T02", "2026-11-01T07:00"),
        ("2026-11-01T03", "2026-11-01T08:00"),
    ]


def test_an_hour_that_was_never_shown_is_never_charged() -> None:
    schedule = Schedule(Cron("0 * * * *", "America/New_York"))
    assert due(slots_between(schedule, at("2026-03-08T05:30"), FAR, 2)) == [
        ("2026-03-08T01", "2026-03-08T06:00"),
        ("2026-03-08T03", "2026-03-08T07:00"),
    ]


def test_half_an_hour_of_gap_leaves_the_hour_one_slot() -> None:
    schedule = Schedule(Cron("15 * * * *", "Australia/Lord_Howe"))
    assert due(slots_between(schedule, at("2026-10-03T15:00"), FAR, 2)) == [
        ("2026-10-04T02", "2026-10-03T15:30"),
        ("2026-10-04T03", "2026-10-03T16:15"),
    ]


def test_wall_time_reads_back_outside_gaps() -> None:
    moment = wall(at("2026-06-01T10:00"), "Europe/Berlin")
    assert moment.isoformat() == "2026-06-01T12:00:00"
    assert instant(moment, "Europe/Berlin") == at("2026-06-01T10:00")


@pytest.mark.parametrize(
    "name", ["", "Berlin", "EST5EDT6", "../etc/passwd", "/etc/passwd", "Europe/Berlin\0"]
)
def test_only_iana_names_are_zones(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        wall(at("2026-01-01"), name)
