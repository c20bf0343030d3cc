"""Each change of the agent's own rules that would lose or double money is found by the model."""

import pytest

from agent.domain import states
from agent.domain.states import Event, State
from tests.model import look, rules
from tests.model.run import explore
from tests.model.variant import Bounds, Variant, World
from tests.model.variants import COPIED, EVERYTHING, MONEY_TWICE

S, E = State, Event
TABLE = states._BY_KEY  # noqa: SLF001 - the mistakes are planted in the table itself
FAULTS = Variant("agent", "under all faults but a lost journal", Bounds(2, 2, 4), EVERYTHING)
QUIET = Variant("agent", "under reorgs and crashes", Bounds(1, 2, 2), World(windows=True))

WRONG_ROWS = (
    (S.INCLUDED_FAIL, E.RETRY, S.CLAIMED),
    (S.INCLUDED_OK, E.RETRY, S.CLAIMED),
    (S.SENT, E.RETRY, S.CLAIMED),
    (S.FINAL_OK, E.RETRY, S.CLAIMED),
    (S.SENT, E.GIVE_UP, S.FAILED),
    (S.SENT, E.SKIP, S.SKIPPED),
    (S.SENT, E.UNPLAN, S.DUE),
    (S.SENT, E.POSTPONE, S.DUE),
    (S.SENT, E.ANSWER, S.FAILED),
    (S.SENT, E.ANSWER, S.CLAIMED),
    (S.SENT, E.RAISE, S.CLAIMED),
    (S.SENT, E.SEE_OK, S.FINAL_OK),
    (S.SENT, E.SEE_FAIL, S.FINAL_FAIL),
    (S.INCLUDED_OK, E.REORG, S.FAILED),
    (S.INCLUDED_OK, E.REORG, S.CLAIMED),
    (S.INCLUDED_FAIL, E.REORG, S.FINAL_FAIL),
    (S.INCLUDED_FAIL, E.GIVE_UP, S.FAILED),
    (S.HELD, E.GIVE_UP, S.FAILED),
    (S.HELD, E.SKIP, S.SKIPPED),
)
"""Rows that the table must not have."""

NEEDED_ROWS = (
    (S.DUE, E.CLAIM),
    (S.PLANNED, E.SIGN),
    (S.SIGNED, E.SEND),
    (S.SENT, E.SEND),
    (S.SENT, E.SEE_OK),
    (S.SENT, E.VOID),
    (S.INCLUDED_OK, E.REORG),
    (S.INCLUDED_OK, E.FINALIZE),
    (S.INCLUDED_FAIL, E.FINALIZE),
    (S.FINAL_FAIL, E.RETRY),
    (S.FINAL_FAIL, E.GIVE_UP),
    (S.EXPIRED, E.RETRY),
)
"""Rows without which an occurrence is stuck."""


@pytest.mark.parametrize(("state", "event", "to"), WRONG_ROWS, ids=str)
def test_a_wrong_row_of_the_table_is_unsafe(
    state: State, event: Event, to: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE, (state, event), to)

    found = explore(FAULTS).found

    assert found.violation
    assert found.trace


@pytest.mark.parametrize(("state", "event"), NEEDED_ROWS, ids=str)
def test_a_missing_row_of_the_table_puts_success_out_of_reach(
    state: State, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(TABLE, (state, event))

    found = explore(QUIET).found

    assert found.hopeless


def test_a_person_s_word_that_passes_over_unread_sequences_is_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "lane_after_word", lambda _, known, final: max(known, final))

    found = explore(Variant("agent", "an old copy is put back", Bounds(2, 1, 3), COPIED)).found

    assert found.violation.startswith(MONEY_TWICE)


@pytest.mark.parametrize("world", [COPIED, World(journal_lost=True)], ids=["copied", "lost"])
def test_a_person_s_word_that_counts_as_a_payment_of_the_journal_is_unsafe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "is_booked", lambda row: row.state is State.FINAL_OK)

    found = explore(Variant("agent", "what the journal forgot lands", Bounds(2, 2, 2), world)).found

    assert found.violation == "I8: an occurrence is called paid and is not, at finality"
