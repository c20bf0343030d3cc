import pytest

from agent.domain.cron import granularity, next_wall, trigger
from agent.domain.local_time import wall
from agent.domain.period import Period
from tests.unit.domain.times import at


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 1 1 *", Period.YEAR),
        ("0 9 1 * *", Period.MONTH),
        ("0 9 1 1,7 *", Period.MONTH),
        ("0 9 last * *", Period.MONTH),
        ("0 9 * * mon", Period.WEEK),
        ("0 9 * * 1", Period.WEEK),
        ("0 9 * * 1-5", Period.DAY),
        ("0 9 1,15 * *", Period.DAY),
        ("0 9 * * *", Period.DAY),
        ("0 9,17 * * *", Period.HOUR),
        ("30 * * * *", Period.HOUR),
        ("*/15 9 * * *", Period.MINUTE),
        ("* * * * *", Period.MINUTE),
    ],
)
def test_granularity_is_the_longest_period_with_one_match(expression: str, expected: Period) -> None:
    assert granularity(expression) is expected


@pytest.mark.parametrize(
    ("weekday", "day"),
    [("0", "01"), ("7", "01"), ("sun", "01"), ("1", "02"), ("MON", "02"), ("6", "07"), ("5-7", "01")],
)
def test_weekday_numbers_mean_what_cron_means(weekday: str, day: str) -> None:
    found = next_wall(f"0 9 * * {weekday}", wall(at("2026-03-01T00:00"), "UTC"))
    assert found is not None
    assert found.strftime("%d") == day


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * * * fri-mon",
        "* * * * someday",
        "0 9 13 * fri",
        "@daily",
        "a b c d e",
        "*/0 * * * *",
        "-1 * * * *",
        "* * * * 1/0",
    ],
)
def test_what_is_no_cron_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        trigger(expression)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4 *", "0 0 31 4,6,9,11 *"])
def test_a_day_that_never_comes_is_found_out_quickly(expression: str) -> None:
    assert next_wall(expression, wall(at("2026-01-01"), "UTC")) is None
