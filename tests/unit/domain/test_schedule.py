from dataclasses import replace

import pytest

from agent.domain.period import Period
from agent.domain.recurrence import Calendar, Cron, Interval, MonthEnd, Slot
from agent.domain.schedule import (
    CatchUp,
    Retry,
    Schedule,
    claim,
    grace_start,
    latest_slot,
    next_attempt,
    next_slot,
    slot_for_key,
    slots_between,
)
from agent.domain.units import Timestamp
from tests.unit.domain.times import at, due, monthly

FAR = at("2150-01-01")
DAY = 86_400
HOUR = 3_600


def armed(schedule: Schedule, after: str) -> Slot:
    slot = next_slot(schedule, at(after))
    assert slot is not None
    return slot


def keys(slots: tuple[Slot, ...]) -> list[str]:
    return [slot.key for slot in slots]


@pytest.mark.parametrize(
    ("month_end", "expected"),
    [
        (MonthEnd.CLAMP, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
        (MonthEnd.SKIP, ["2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]),
        (MonthEnd.LAST, ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]),
    ],
)
def test_month_end_rule_says_what_day_31_means(month_end: MonthEnd, expected: list[str]) -> None:
    slots = slots_between(monthly(31, month_end=month_end), at("2027-01-01"), FAR, 4)
    assert [time[:10] for _, time in due(slots)] == expected
    assert keys(slots) == [day[:7] for day in expected]


def test_last_day_of_month_moves_with_leap_years() -> None:
    schedule = monthly(month_end=MonthEnd.LAST)
    assert [slot_for_key(schedule, key) for key in ("2028-02", "2027-02")] == [
        Slot("2028-02", at("2028-02-29T09:00"), 697),
        Slot("2027-02", at("2027-02-28T09:00"), 685),
    ]


@pytest.mark.parametrize(
    ("month_end", "expected"),
    [
        (MonthEnd.CLAMP, ["2026-02-28", "2027-02-28", "2028-02-29"]),
        (MonthEnd.SKIP, ["2028-02-29", "2032-02-29", "2036-02-29"]),
    ],
)
def test_yearly_on_29_february_follows_the_month_end_rule(month_end: MonthEnd, expected: list[str]) -> None:
    rule = Calendar(Period.YEAR, "UTC", 0, day=29, month=2, month_end=month_end)
    slots = slots_between(Schedule(rule), at("2026-01-01"), FAR, 3)
    assert [time[:10] for _, time in due(slots)] == expected
    assert keys(slots) == [day[:4] for day in expected]


def test_weeks_are_named_as_iso_weeks_across_the_year() -> None:
    schedule = Schedule(Calendar(Period.WEEK, "UTC", 0, weekday=4))
    assert due(slots_between(schedule, at("2026-12-20"), FAR, 3)) == [
        ("2026-W52", "2026-12-25T00:00"),
        ("2026-W53", "2027-01-01T00:00"),
        ("2027-W01", "2027-01-08T00:00"),
    ]


def test_an_interval_counts_from_its_anchor() -> None:
    schedule = Schedule(Interval(at("2026-01-01"), 30 * DAY))
    assert due(slots_between(schedule, at("2026-02-15"), FAR, 2)) == [
        ("20260101T000000Z.2592000s.2", "2026-03-02T00:00"),
        ("20260101T000000Z.2592000s.3", "2026-04-01T00:00"),
    ]


def test_nothing_is_due_before_the_anchor() -> None:
    first = next_slot(Schedule(Interval(at("2026-01-01"), DAY)), at("2020-01-01"))
    assert first == Slot("20260101T000000Z.86400s.0", at("2026-01-01"), 0)


def test_start_and_end_bound_the_slots_and_belong_to_them() -> None:
    schedule = monthly(start="2026-02-01T09:00", end="2026-04-01T09:00")
    assert keys(slots_between(schedule, at("2000-01-01"), FAR, 99)) == ["2026-02", "2026-03", "2026-04"]
    assert next_slot(schedule, at("2026-04-01T09:00")) is None


@pytest.mark.parametrize(
    "schedule",
    [
        monthly(31, month_end=MonthEnd.SKIP, start="2026-01-15", count=3),
        Schedule(Cron("0 9 31 * *", "UTC"), start=at("2026-01-15"), count=3),
        Schedule(Interval(at("2026-01-31"), 31 * DAY), count=3),
    ],
)
def test_count_ends_the_schedule_after_so_many_periods(schedule: Schedule) -> None:
    assert len(slots_between(schedule, Timestamp(0), FAR, 99)) == 3


def test_count_is_of_periods_and_not_of_what_was_asked_for() -> None:
    schedule = monthly(start="2026-01-01", count=12)
    assert keys(slots_between(schedule, at("2026-10-15"), FAR, 99)) == ["2026-11", "2026-12"]


@pytest.mark.parametrize(
    ("before", "after", "now", "expected"),
    [
        # Charged on the 5th; the day moves to the 20th of the same month.
        (monthly(5), monthly(20), "2026-03-10", "2026-04"),
        # Charged on the 20th; the day moves to the 5th: April is a period of its own.
        (monthly(20), monthly(5), "2026-03-25", "2026-04"),
        # A calendar that becomes cron, and back.
        (monthly(5), Schedule(Cron("0 9 20 * *", "UTC")), "2026-03-10", "2026-04"),
        (Schedule(Cron("0 9 5 * *", "UTC")), monthly(20), "2026-03-10", "2026-04"),
        # A month is paid: weeks begin when it is over.
        (monthly(5), Schedule(Calendar(Period.WEEK, "UTC", 0, weekday=0)), "2026-03-10", "2026-W15"),
        # A week is paid: the month it lies in is not.
        (Schedule(Calendar(Period.WEEK, "UTC", 0, weekday=0)), monthly(20), "2026-03-10", "2026-03"),
        # A time zone that moves the day across the edge of the month.
        (monthly(1, zone="Pacific/Auckland", minute=0), monthly(1), "2026-03-15", "2026-04"),
    ],
)
def test_an_edited_schedule_charges_no_period_again(
    before: Schedule, after: Schedule, now: str, expected: str
) -> None:
    last = latest_slot(before, at(now))
    assert last is not None
    following = next_slot(after, at(now), last.key)
    assert following is not None
    assert following.key == expected


@pytest.mark.parametrize("period_days", [7, 29, 31, 60])
def test_an_edited_interval_waits_until_the_paid_one_is_over(period_days: int) -> None:
    anchor = at("2026-01-01")
    before = Schedule(Interval(anchor, 30 * DAY))
    paid = latest_slot(before, at("2026-04-05"))
    assert paid is not None
    following = next_slot(Schedule(Interval(anchor, period_days * DAY)), at("2026-04-05"), paid.key)
    assert following is not None
    assert following.due_at >= paid.due_at + 30 * DAY
    assert following.due_at < paid.due_at + (30 + period_days) * DAY


def test_a_moved_anchor_makes_other_periods() -> None:
    first = slot_for_key(Schedule(Interval(at("2026-01-01"), DAY)), "20260101T000000Z.86400s.3")
    assert first is not None
    assert slot_for_key(Schedule(Interval(at("2026-01-02"), DAY)), first.key) is None


@pytest.mark.parametrize("key", ["2026-03-01", "2026", "2026-W10", "20260101T000000Z.60s.1"])
def test_a_key_of_another_granularity_is_no_slot(key: str) -> None:
    assert slot_for_key(monthly(), key) is None


@pytest.mark.parametrize("key", ["", "2026-3", "2026-13", "2026-02-30", "yesterday", "2026-W54"])
def test_a_key_that_names_no_period_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"period|month|day|week"):
        slot_for_key(monthly(), key)


class TestCatchUp:
    schedule = Schedule(Calendar(Period.DAY, "UTC", 540))

    def test_a_slot_in_its_grace_runs(self) -> None:
        slot = armed(self.schedule, "2026-03-01T10:00")
        decision = claim(self.schedule, CatchUp.NONE, HOUR, slot, Timestamp(slot.due_at + HOUR))
        assert (decision.run, decision.skipped) == (slot, ())
        assert decision.next == armed(self.schedule, "2026-03-02T09:00")

    def test_without_catch_up_missed_slots_are_skipped(self) -> None:
        slot = armed(self.schedule, "2026-03-01T10:00")
        decision = claim(self.schedule, CatchUp.NONE, HOUR, slot, at("2026-03-04T12:00"))
        assert decision.run is None
        assert keys(decision.skipped) == ["2026-03-02", "2026-03-03", "2026-03-04"]
        assert decision.next is not None
        assert decision.next.key == "2026-03-05"

    def test_catch_up_runs_the_latest_slot_alone(self) -> None:
        slot = armed(self.schedule, "2026-03-01T10:00")
        decision = claim(self.schedule, CatchUp.LATEST, HOUR, slot, at("2026-03-04T12:00"))
        assert decision.run is not None
        assert decision.run.key == "2026-03-04"
        assert keys(decision.skipped) == ["2026-03-02", "2026-03-03"]

    def test_never_more_than_one_slot_runs_however_long_the_grace(self) -> None:
        slot = armed(self.schedule, "2026-03-01T10:00")
        decision = claim(self.schedule, CatchUp.NONE, 30 * DAY, slot, at("2026-03-04T12:00"))
        assert decision.run is not None
        assert decision.run.key == "2026-03-04"
        assert len(decision.skipped) == 2

    def test_years_of_downtime_are_claimed_at_once(self) -> None:
        minutes = Schedule(Cron("* * * * *", "UTC"))
        slot = armed(minutes, "2020-01-01")
        decision = claim(minutes, CatchUp.LATEST, HOUR, slot, at("2026-03-01T00:00"), limit=10)
        assert decision.run is not None
        assert decision.run.key == "2026-03-01T00:00"
        assert len(decision.skipped) == 10
        assert decision.unlisted is not None
        assert keys(decision.unlisted) == ["2020-01-01T00:11", "2026-02-28T23:59"]

    @pytest.mark.parametrize(("limit", "unlisted"), [(3, None), (2, ["2026-03-04", "2026-03-04"])])
    def test_only_what_is_not_listed_is_summarised(self, limit: int, unlisted: list[str] | None) -> None:
        slot = armed(self.schedule, "2026-03-01T10:00")
        decision = claim(self.schedule, CatchUp.NONE, HOUR, slot, at("2026-03-05T12:00"), limit=limit)
        assert decision.skipped[-1].key == "2026-03-05"
        assert (keys(decision.unlisted) if decision.unlisted else None) == unlisted

    def test_the_last_slot_leaves_nothing_to_arm(self) -> None:
        schedule = replace(self.schedule, end=at("2026-03-02T09:00"))
        slot = armed(schedule, "2026-03-01T10:00")
        assert claim(schedule, CatchUp.NONE, HOUR, slot, slot.due_at).next is None

    def test_a_caught_up_slot_has_its_grace_from_when_it_was_seen(self) -> None:
        due_at, seen_at = at("2026-03-01"), at("2026-03-09")
        assert grace_start(CatchUp.LATEST, due_at, seen_at) == seen_at
        assert grace_start(CatchUp.NONE, due_at, seen_at) == due_at


class TestRetryLadder:
    due_at = at("2026-03-01")
    retry = Retry((HOUR, 6 * HOUR, DAY), grace_s=3 * DAY)

    @pytest.mark.parametrize(("attempt", "delay"), [(1, HOUR), (2, 6 * HOUR), (3, DAY)])
    def test_each_failure_waits_longer(self, attempt: int, delay: int) -> None:
        failed_at = Timestamp(self.due_at + 60)
        assert next_attempt(self.retry, self.due_at, attempt, failed_at, failed_at) == failed_at + delay

    def test_the_ladder_ends(self) -> None:
        assert next_attempt(self.retry, self.due_at, 4, self.due_at, self.due_at) is None

    def test_no_attempt_starts_after_the_grace(self) -> None:
        failed_at = Timestamp(self.due_at + 3 * DAY - HOUR + 1)
        assert next_attempt(self.retry, self.due_at, 1, failed_at, failed_at) is None

    def test_an_attempt_that_is_overdue_starts_now(self) -> None:
        now = Timestamp(self.due_at + DAY)
        assert next_attempt(self.retry, self.due_at, 1, self.due_at, now) == now
