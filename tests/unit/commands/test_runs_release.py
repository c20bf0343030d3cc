"""A person lets a held run go on."""

import pytest

from agent.adapters.memory import MemoryJournal
from agent.commands.runs_resolve import NotResolvable, release_run
from agent.domain.states import Event, State
from tests.builders import NOW
from tests.contract.journals import claimed, included, sent, tell


async def test_a_run_held_after_its_send_goes_back_to_being_followed() -> None:
    journal = MemoryJournal()
    (row,) = await claimed(journal)
    held = await tell(journal, await sent(journal, row), Event.HOLD, code="aa23")

    released = await release_run(journal, held.id, NOW, reason="the owner raised the limit")

    assert (released.state, released.not_before) == (State.SENT, NOW)
    assert len(await journal.operations(held.id)) == 1


async def test_a_run_held_before_it_was_signed_is_decided_anew() -> None:
    journal = MemoryJournal()
    (row,) = await claimed(journal)
    held = await tell(journal, row, Event.HOLD, code="account_blacklisted")

    assert (await release_run(journal, held.id, NOW, reason="cleared")).state is row.state


async def test_a_run_that_is_not_held_and_a_release_without_a_reason_are_refused() -> None:
    journal = MemoryJournal()
    (row,) = await claimed(journal)
    with pytest.raises(NotResolvable, match="only a held run"):
        await release_run(journal, row.id, NOW, reason="why not")
    held = await tell(journal, row, Event.HOLD, code="aa23")
    with pytest.raises(NotResolvable, match="needs a reason"):
        await release_run(journal, held.id, NOW, reason=" ")


async def test_a_payment_whose_final_block_left_the_chain_is_not_called_paid_again_by_a_release() -> None:
    journal = MemoryJournal()
    (row,) = await claimed(journal)
    paid = await tell(journal, await included(journal, await sent(journal, row)), Event.FINALIZE)
    undone = await tell(journal, paid, Event.DEEP_REORG, code="finality_broken")

    with pytest.raises(NotResolvable, match="runs resolve"):
        await release_run(journal, undone.id, NOW, reason="the chain is well again")
