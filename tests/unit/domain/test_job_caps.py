"""What a job may use of its own caps, to the last unit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.budget import Consumption, counted_by_agent, permission_of
from agent.domain.errors import Bug
from agent.domain.job_caps import CapUse, JobCapKey, JobCapReached, cap_uses, capped, used_of_cap
from agent.domain.units import Timestamp
from agent.domain.utc_day import day_of, next_day
from agent.domain.watching import JobCap, Spend
from tests.builders import an_inclusion

NOW = Timestamp(1_790_000_000)
TODAY = "2026-09-21"
DAILY = JobCap("sold_per_day", 100, per_day=True, unit="USDC", decimals=1)
TOTAL = JobCap("sold_in_all", 1_000, per_day=False)


def uses(*, used: int = 0, reserved: int = 0, total_used: int = 0) -> tuple[CapUse, ...]:
    return (
        CapUse(JobCapKey("dca", DAILY.name, TODAY), DAILY, used, reserved),
        CapUse(JobCapKey("dca", TOTAL.name), TOTAL, total_used, 0),
    )


def refused(found: tuple[CapUse, ...], *spends: Spend) -> JobCapReached:
    with pytest.raises(JobCapReached) as error:
        capped(found, spends, NOW)
    return error.value


@pytest.mark.parametrize("key", [JobCapKey("dca", "sold_per_day", TODAY), JobCapKey("dca", "sold_in_all")])
def test_a_key_survives_its_text_and_names_no_session(key: JobCapKey) -> None:
    assert JobCapKey.parse(str(key)) == key
    assert counted_by_agent(str(key))
    assert permission_of(str(key)) is None


def test_another_limits_key_is_no_cap() -> None:
    with pytest.raises(ValueError, match="no cap"):
        JobCapKey.parse("paymaster/1/sponsor/wei")


def test_a_day_counts_by_itself_and_a_total_goes_on() -> None:
    spent = {
        f"job/dca/sold_per_day/{TODAY}": 30,
        "job/dca/sold_per_day/2026-09-20": 70,
        "job/dca/sold_in_all/total": 5,
    }
    reserved = {f"job/dca/sold_per_day/{TODAY}": 20, "job/other/sold_in_all/total": 9}
    found = cap_uses("dca", (DAILY, TOTAL), NOW, spent, reserved)
    assert [(use.used, use.reserved, use.left) for use in found] == [(30, 20, 50), (5, 0, 995)]


def test_a_plan_takes_what_the_journal_compares_and_sets() -> None:
    spends = (Spend(DAILY.name, 30), Spend(TOTAL.name, 30), Spend(DAILY.name, 10))
    assert capped(uses(used=50, reserved=10, total_used=7), spends, NOW) == (
        Consumption(f"job/dca/sold_per_day/{TODAY}", 40, 100, 50),
        Consumption("job/dca/sold_in_all/total", 30, 1_000, 7),
    )


def test_a_refusal_has_both_numbers_and_the_next_utc_day() -> None:
    error = refused(uses(used=60), Spend(DAILY.name, 41))
    assert (error.code, error.asked, error.left) == ("job_cap_reached", 41, 40)
    assert str(error) == "sold_per_day: 4.1 USDC asked, 4 USDC left of 10 USDC"
    assert error.frees_at == next_day(NOW)


def test_what_is_in_flight_may_come_to_nothing_any_moment() -> None:
    assert refused(uses(reserved=60), Spend(DAILY.name, 41)).frees_at == NOW


@pytest.mark.parametrize("spend", [Spend(DAILY.name, 101), Spend(TOTAL.name, 1)])
def test_what_never_fits_again_frees_never(spend: Spend) -> None:
    assert refused(uses(total_used=1_000), spend).frees_at is None


@pytest.mark.parametrize("spend", [Spend("unknown", 1), Spend(DAILY.name, -1)])
def test_a_kind_may_spend_its_own_caps_alone(spend: Spend) -> None:
    with pytest.raises(Bug):
        capped(uses(), (spend,), NOW)


def test_a_failure_used_nothing_and_the_unknown_counts() -> None:
    seen = an_inclusion(delivered=None)
    assert [used_of_cap(7, one) for one in (None, seen, replace(seen, success=False))] == [7, 7, 0]


@given(at=st.integers(0, 2**33))
def test_the_next_day_is_the_first_second_of_another(at: int) -> None:
    then = next_day(Timestamp(at))
    assert at < then <= at + 86_400
    assert day_of(Timestamp(then - 1)) == day_of(Timestamp(at)) < day_of(then)
