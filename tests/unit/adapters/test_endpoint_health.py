"""When an endpoint leaves its place and when it returns."""

from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.endpoint_health import (
    LEAVE_AFTER,
    REST_S,
    RETURN_AFTER,
    Health,
    answered,
    failed,
    stopped,
)

EVENTS = st.lists(st.tuples(st.booleans(), st.floats(0, REST_S)), max_size=60)
"""Whether it answered, and the seconds since the event before."""


def lived(events: list[tuple[bool, float]]) -> list[tuple[float, bool, Health]]:
    health, now, told = Health(), 0.0, []
    for good, after_s in events:
        now += after_s
        health = answered(health, now) if good else failed(health, "silent", now)
        told.append((now, good, health))
    return told


@given(EVENTS)
def test_it_leaves_at_the_last_of_enough_failures_in_a_row_and_at_no_other_moment(
    events: list[tuple[bool, float]],
) -> None:
    before, in_a_row = Health(), 0
    for _, good, health in lived(events):
        in_a_row = 0 if good else in_a_row + 1
        if before.is_in:
            assert health.is_in is (in_a_row < LEAVE_AFTER)
        before = health


@given(EVENTS)
def test_it_returns_only_rested_and_after_enough_answers_in_a_row(events: list[tuple[bool, float]]) -> None:
    before, in_a_row, left_at = Health(), 0, 0.0
    for now, good, health in lived(events):
        if before.is_in and not health.is_in:
            left_at, in_a_row = now, 0
        else:
            in_a_row = in_a_row + 1 if good else 0
        if not before.is_in and health.is_in:
            assert in_a_row >= RETURN_AFTER
            assert now - left_at >= REST_S
        before = health


@given(EVENTS)
def test_whatever_happened_a_rest_full_of_answers_brings_it_back(events: list[tuple[bool, float]]) -> None:
    told = lived(events)
    now, health = (told[-1][0], told[-1][2]) if told else (0.0, Health())

    for _ in range(RETURN_AFTER):
        now += REST_S
        health = answered(health, now)

    assert health == Health()


@given(EVENTS)
def test_one_that_was_stopped_never_returns(events: list[tuple[bool, float]]) -> None:
    health = stopped(Health(), "it serves another chain")
    for place, (good, _) in enumerate(events):
        now = place * REST_S
        health = answered(health, now) if good else failed(health, "silent", now)

    assert (health.is_in, health.why) == (False, "it serves another chain")
