"""What follows an attempt that ended: the next one, the end of the ladder, or nothing more."""

from dataclasses import replace

import pytest

from agent.domain.job import JobDefinition, Place
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.schedule import Retry
from agent.domain.states import Event, State
from agent.pipeline.settle import after_the_end
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash, a_journaled_operation, an_occurrence

JOB = JobDefinition(
    id="rent",
    kind="subscription",
    chain_id=CHAIN_ID,
    account=ACCOUNT,
    account_kind="nexus",
    session="main",
    schedule=None,
    spec=None,
    identity_digest=a_hash(1),
    digest=a_hash(2),
    place=Place("jobs/rent.yaml"),
    retry=Retry((60,), 3_600),
)
LADDER = pytest.mark.parametrize("state", [State.FINAL_FAIL, State.EXPIRED])


def event_after(
    state: State, *, attempt: int = 1, code: str = "", cancels: bool = False
) -> tuple[Event, str]:
    row = replace(an_occurrence(state, attempt=attempt), code=code)
    operations = (a_journaled_operation(), replace(a_journaled_operation(seed=2), cancels=cancels))
    change = after_the_end(JOB, row, NOW, operations)
    assert change is not None
    return change.event, change.code


@LADDER
def test_the_ladder_leads_to_the_next_attempt_and_ends(state: State) -> None:
    assert event_after(state) == (Event.RETRY, "")
    assert event_after(state, attempt=2) == (Event.GIVE_UP, "attempts_ended")


@LADDER
def test_what_was_to_be_cancelled_is_not_tried_again(state: State) -> None:
    assert event_after(state, code=CANCEL_ASKED) == (Event.GIVE_UP, "cancelled")
    assert event_after(state, code="accepted", cancels=True) == (Event.GIVE_UP, "cancelled")


def test_an_end_is_settled_once() -> None:
    ended = an_occurrence(State.CANCELLED)

    change = after_the_end(JOB, ended, NOW)

    assert change is not None
    assert (change.event, change.reservations) == (Event.SETTLE, ())
    assert after_the_end(JOB, replace(ended, settled=True), NOW) is None
