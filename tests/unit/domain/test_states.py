"""The state table."""

from pathlib import Path

import pytest

from agent.domain.errors import IllegalTransition
from agent.domain.states import IN_FLIGHT, TABLE, TERMINAL, Event, State, next_state
from tests.unit.domain.state_page import state_table


def test_no_row_stands_twice() -> None:
    keys = [(row.state, row.event) for row in TABLE]

    assert len(set(keys)) == len(keys)


def test_only_a_final_failure_or_a_void_operation_leads_to_another_attempt() -> None:
    sources = {row.state for row in TABLE if row.event is Event.RETRY}

    assert sources == {State.FINAL_FAIL, State.EXPIRED, State.FOREIGN}


def test_nothing_is_sent_that_was_not_signed_before() -> None:
    sources = {row.state for row in TABLE if row.event is Event.SEND}

    assert sources == {State.SIGNED, State.SENT}


def test_a_signed_operation_can_never_go_back_to_planning() -> None:
    reachable = {row.to for row in TABLE if row.state in IN_FLIGHT}

    assert reachable.isdisjoint({State.DUE, State.CLAIMED, State.PLANNED, State.SKIPPED, State.FAILED})


def test_every_state_can_be_reached_and_left_or_is_an_end() -> None:
    seen = {State.DUE}
    while True:
        more = {row.to for row in TABLE if row.state in seen} - seen
        if not more:
            break
        seen |= more

    assert seen == set(State)
    assert {row.state for row in TABLE} == set(State)


def test_what_was_skipped_is_left_only_when_it_turns_out_to_be_paid() -> None:
    assert {row.event for row in TABLE if row.state is State.SKIPPED} == {Event.FOUND}
    assert State.SKIPPED in TERMINAL


def test_release_goes_back_to_where_it_was_held() -> None:
    assert next_state(State.HELD, Event.RELEASE, State.SENT) is State.SENT


def test_a_cancel_is_asked_for_only_of_what_was_held_after_its_send() -> None:
    assert next_state(State.HELD, Event.ASK_CANCEL, State.SENT) is State.SENT
    for before in set(State) - {State.SENT}:
        with pytest.raises(IllegalTransition):
            next_state(State.HELD, Event.ASK_CANCEL, before)


def test_settling_changes_no_state() -> None:
    assert next_state(State.FINAL_OK, Event.SETTLE) is State.FINAL_OK


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.FINAL_OK, Event.SEND),
        (State.FAILED, Event.RETRY),
        (State.INCLUDED_FAIL, Event.RETRY),
        (State.SENT, Event.SKIP),
        (State.DUE, Event.RELEASE),
    ],
)
def test_what_the_table_does_not_list_is_a_bug(state: State, event: Event) -> None:
    with pytest.raises(IllegalTransition):
        next_state(state, event)


def test_the_documents_show_the_table_of_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "exactly-once.md"

    assert state_table() in page.read_text()
