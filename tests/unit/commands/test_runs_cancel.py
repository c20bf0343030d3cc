"""A person has a run cancelled: what is not signed is skipped, what is out is asked for in the journal."""

import pytest

from agent.adapters.memory import MemoryJournal
from agent.commands.runs_cancel import cancel_run
from agent.commands.runs_resolve import NotResolvable
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from tests.builders import NOW
from tests.contract.journals import claimed, included, plan, sent, tell

WHY = "the contract ended"


async def a_run(journal: MemoryJournal) -> Occurrence:
    (row,) = await claimed(journal)
    return row


async def test_what_nothing_is_signed_for_is_skipped() -> None:
    journal = MemoryJournal()
    row = await a_run(journal)

    skipped = await cancel_run(journal, row.id, NOW, reason=WHY)

    assert (skipped.state, skipped.code, skipped.reason) == (State.SKIPPED, "cancelled_by_person", WHY)


async def test_the_request_for_what_was_sent_stands_in_the_journal() -> None:
    journal = MemoryJournal()
    row = await sent(journal, await a_run(journal))

    asked = await cancel_run(journal, row.id, NOW, reason=WHY)

    assert (asked.state, asked.code, asked.not_before) == (State.SENT, CANCEL_ASKED, NOW)
    assert (await journal.entries(row.id))[-1].event == Event.ASK_CANCEL


async def test_what_was_held_after_its_send_is_let_go_to_be_cancelled_in_one_record() -> None:
    journal = MemoryJournal()
    row = await tell(journal, await sent(journal, await a_run(journal)), Event.HOLD, code="aa23")
    before = len(await journal.entries(row.id))

    asked = await cancel_run(journal, row.id, NOW, reason=WHY)

    assert (asked.state, asked.code, asked.held_from) == (State.SENT, CANCEL_ASKED, None)
    # Cut off between two, the payment would go out without the hold that was over it.
    assert [entry.event for entry in (await journal.entries(row.id))[before:]] == [Event.ASK_CANCEL]


async def test_what_is_on_chain_or_on_its_way_or_held_before_its_signature_is_not_cancelled() -> None:
    for make in (_included, _planned, _held):
        journal = MemoryJournal()
        row = await make(journal, await a_run(journal))
        with pytest.raises(NotResolvable):
            await cancel_run(journal, row.id, NOW, reason=WHY)


async def test_a_cancel_needs_a_reason() -> None:
    journal = MemoryJournal()
    row = await a_run(journal)
    with pytest.raises(NotResolvable, match="needs a reason"):
        await cancel_run(journal, row.id, NOW, reason=" ")


async def _included(journal: MemoryJournal, row: Occurrence) -> Occurrence:
    return await included(journal, await sent(journal, row))


async def _planned(journal: MemoryJournal, row: Occurrence) -> Occurrence:
    return await plan(journal, row)


async def _held(journal: MemoryJournal, row: Occurrence) -> Occurrence:
    return await tell(journal, row, Event.HOLD, code="payee_blacklisted")
