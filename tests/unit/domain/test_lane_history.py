"""Which slots a lane paid while nobody kept books: only what no other reading of the chain allows."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.breakers import BreakerLimits
from agent.domain.lane_history import (
    LANDING_S,
    SKEW_S,
    Executed,
    Purpose,
    certainly_paid,
    doubtful_until,
)
from agent.domain.recurrence import Slot
from agent.domain.units import Timestamp
from tests.builders import an_inclusion

DAY_S = 86_400
FIRST_DUE = 1_000 * DAY_S


def slot(number: int, every_s: int = DAY_S) -> Slot:
    return Slot(str(number), Timestamp(FIRST_DUE + number * every_s), number)


def slots(count: int, every_s: int = DAY_S) -> list[Slot]:
    return [slot(number, every_s) for number in range(count)]


def executed(
    sequence: int, at_s: int, purpose: Purpose = Purpose.PAYMENT, *, success: bool = True
) -> Executed:
    return Executed(sequence, Timestamp(FIRST_DUE + at_s), purpose, an_inclusion(success=success))


def paid(count: int, payments: list[Executed], grace_s: int = DAY_S, every_s: int = DAY_S) -> dict[str, int]:
    found = certainly_paid(slots(count, every_s), payments, grace_s)
    return {key: item.sequence for key, item in found.items()}


def test_a_payment_for_every_slot_pays_them_in_their_order() -> None:
    assert paid(3, [executed(number, number * DAY_S + 60) for number in range(3)]) == {"0": 0, "1": 1, "2": 2}


def test_a_slot_whose_neighbour_may_have_been_paid_in_its_place_is_not_certain() -> None:
    assert paid(3, [executed(0, 60), executed(1, 2 * DAY_S + 60)]) == {"0": 0}


def test_slots_far_apart_are_told_apart_although_one_was_left_out() -> None:
    months = 30 * DAY_S

    assert paid(3, [executed(0, 60), executed(1, 2 * months + 60)], 3 * DAY_S, months) == {"0": 0, "2": 1}


def test_failures_and_cancels_pay_nothing() -> None:
    history = [
        executed(0, 10, success=False),
        executed(1, 20, Purpose.CANCEL),
        executed(2, 30, Purpose.UNKNOWN),
    ]

    assert paid(1, history) == {}
    assert paid(1, [*history, executed(3, 40)]) == {"0": 3}


def test_more_payments_than_slots_settle_nothing() -> None:
    assert paid(1, [executed(0, 10), executed(1, 20)]) == {}


def test_a_payment_before_anything_was_due_settles_nothing() -> None:
    assert paid(1, [executed(0, -DAY_S)]) == {}


def test_what_was_due_after_the_last_success_is_not_in_doubt() -> None:
    history = [executed(0, 60), executed(1, 500, success=False), executed(2, 900, Purpose.CANCEL)]

    assert doubtful_until(history) == FIRST_DUE + 60 + SKEW_S


def test_clocks_may_differ_as_far_as_their_breaker_lets_them() -> None:
    assert BreakerLimits().clock_skew_s == SKEW_S


def test_what_nobody_can_read_and_what_no_log_shows_leaves_doubt() -> None:
    gap = Executed(1, Timestamp(FIRST_DUE + 500))

    assert doubtful_until([executed(0, 60), gap]) == FIRST_DUE + 500 + SKEW_S
    assert doubtful_until([executed(0, 70, Purpose.UNKNOWN)]) == FIRST_DUE + 70 + SKEW_S
    assert doubtful_until([executed(0, 60, success=False)]) is None
    assert not gap.paid


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Slot], list[Executed], int, set[str]]:
    """Draw what a lane really did: some slots paid, in order, each in its time; and the payments alone."""
    every_s = draw(st.integers(3_600, 40 * DAY_S))
    grace_s = draw(st.integers(0, 4 * DAY_S))
    all_slots = slots(draw(st.integers(1, 12)), every_s)
    truly = sorted(draw(st.sets(st.sampled_from(range(len(all_slots))))))
    payments: list[Executed] = []
    clock = 0
    for sequence, number in enumerate(truly):
        due_at = all_slots[number].due_at
        soonest = max(clock, due_at - SKEW_S)
        latest = due_at + grace_s + LANDING_S
        if soonest > latest:
            truly = truly[:sequence]
            break
        clock = draw(st.integers(soonest, latest))
        payments.append(replace(executed(sequence, 0), at=Timestamp(clock)))
    # Some no node shows, or nobody can read.
    shown = [payment for payment in payments if draw(st.integers(0, 3))]
    return all_slots, shown, grace_s, {all_slots[number].key for number in truly}


@given(histories())
def test_nothing_is_settled_that_was_not_paid(
    history: tuple[list[Slot], list[Executed], int, set[str]],
) -> None:
    all_slots, payments, grace_s, truly = history
    found = certainly_paid(all_slots, payments, grace_s)

    assert set(found) <= truly
    assert len({item.sequence for item in found.values()}) == len(found)


@given(histories())
def test_what_is_not_in_doubt_was_not_paid(
    history: tuple[list[Slot], list[Executed], int, set[str]],
) -> None:
    all_slots, payments, _, truly = history
    until = doubtful_until(payments)
    later = {one.key for one in all_slots if until is not None and one.due_at > until}

    assert len(truly & later) <= len(truly) - len(payments)
