from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.local_time import instant, wall
from agent.domain.period import Period
from agent.domain.recurrence import Calendar, Cron, Interval, MonthEnd, Rule, Slot, covered_until
from agent.domain.schedule import Schedule, latest_slot, next_slot, slot_for_key, slots_between
from agent.domain.units import Timestamp
from tests.unit.domain.times import at

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
FAR = at("2150-01-01")

zones = st.sampled_from(ZONES)
instants = st.integers(at("2000-01-01"), at("2060-01-01")).map(Timestamp)


def field(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    numbers = [
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.lists(number, min_size=2, max_size=4, unique=True).map(lambda found: ",".join(map(str, found))),
        st.integers(2, max(2, (high - low) // 2)).map(lambda step: f"*/{step}"),
        st.just("*"),
    ]
    return st.one_of(*numbers, st.sampled_from(names)) if names else st.one_of(*numbers)


months = field(1, 12, ["jan", "jun", "dec"])
day_and_weekday = st.one_of(
    st.tuples(field(1, 28), months, st.just("*")),
    st.tuples(st.just("*"), months, field(0, 7, ["sun", "mon-fri", "5-7", "sat,sun"])),
)
expressions = st.builds(
    lambda minute, hour, rest: " ".join((minute, hour, *rest)), field(0, 59), field(0, 23), day_and_weekday
)
calendars = st.builds(
    Calendar,
    every=st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH, Period.YEAR]),
    time_zone=zones,
    at_minute=st.integers(0, 1_439),
    day=st.integers(1, 31),
    weekday=st.integers(0, 6),
    month=st.sampled_from([1, 3, 5, 7, 8, 10, 12]),
    month_end=st.sampled_from(MonthEnd),
)
intervals = st.builds(Interval, instants, st.integers(60, 400 * 86_400))
rules: st.SearchStrategy[Rule] = st.one_of(calendars, intervals, st.builds(Cron, expressions, zones))


@given(expressions, instants)
def test_cron_agrees_with_cronsim(expression: str, after: Timestamp) -> None:
    oracle = CronSim(expression, datetime.fromtimestamp(after, UTC))
    slots = slots_between(Schedule(Cron(expression, "UTC")), after, FAR, 5)
    assert [slot.due_at for slot in slots] == [int(next(oracle).timestamp()) for _ in slots]
    assert len(slots) == 5


@given(rules, instants)
def test_slots_rise_in_time_and_number_and_no_key_comes_twice(rule: Rule, after: Timestamp) -> None:
    slots = slots_between(Schedule(rule), after, FAR, 8)
    assert all(slot.due_at > after for slot in slots)
    for earlier, later in pairwise(slots):
        assert earlier.due_at < later.due_at
        assert earlier.ordinal < later.ordinal
    assert len({slot.key for slot in slots}) == len(slots)


@given(rules, instants)
def test_a_key_leads_back_to_its_slot(rule: Rule, after: Timestamp) -> None:
    schedule = Schedule(rule)
    for slot in slots_between(schedule, after, FAR, 3):
        assert slot_for_key(schedule, slot.key) == slot


@given(rules, instants)
def test_the_latest_slot_is_the_one_before_the_next(rule: Rule, moment: Timestamp) -> None:
    schedule = Schedule(rule)
    slots = slots_between(schedule, moment, FAR, 2)
    for slot, following in pairwise(slots):
        assert latest_slot(schedule, slot.due_at) == slot
        assert latest_slot(schedule, Timestamp(following.due_at - 1)) == slot


@given(rules, instants)
def test_walking_slot_by_slot_misses_none(rule: Rule, after: Timestamp) -> None:
    schedule = Schedule(rule)
    expected = slots_between(schedule, after, FAR, 4)
    walked: list[Slot] = []
    moment, key = after, None
    while len(walked) < len(expected) and (slot := next_slot(schedule, moment, key)):
        walked.append(slot)
        moment, key = slot.due_at, slot.key
    assert tuple(walked) == expected


@given(rules, rules, instants)
def test_after_any_edit_the_paid_period_is_over_before_the_next(
    before: Rule, after: Rule, moment: Timestamp
) -> None:
    paid = next_slot(Schedule(before), moment)
    assert paid is not None
    following = next_slot(Schedule(after), paid.due_at, paid.key)
    if following is not None:
        assert following.due_at >= covered_until(after, paid.key)
        assert following.key != paid.key


@given(zones, instants)
def test_every_instant_reads_back_from_its_wall_time_or_an_earlier_showing(
    zone: str, moment: Timestamp
) -> None:
    first = instant(wall(moment, zone), zone)
    assert first <= moment
    assert wall(first, zone) == wall(moment, zone)


@given(zones, instants, st.integers(0, 200_000))
def test_a_later_wall_time_is_never_an_earlier_instant(zone: str, moment: Timestamp, later_s: int) -> None:
    earlier = wall(moment, zone)
    assert instant(earlier, zone) <= instant(earlier + timedelta(seconds=later_s), zone)
