"""Replacing and finding operations: every hash stays known, no limit is held for less than may be used."""

from dataclasses import replace

import pytest

from agent.domain.errors import BudgetExceeded, Bug, IllegalTransition
from agent.domain.journal import Reservation
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.ports import Journal
from tests.builders import a_hash
from tests.contract.journals import a_change, a_job, a_signed, claimed, included, room, seen, sent, tell


async def raised(
    journal: Journal, row: Occurrence, seed: int, *reservations: Reservation, cancels: bool = False
) -> Occurrence:
    signed = a_signed(row, seed)
    draft = replace(signed.priced.draft, cancels=cancels)
    signed = replace(signed, priced=replace(signed.priced, draft=draft))
    after, _ = await journal.append(signed, a_change(row, Event.RAISE, reservations=reservations or None))
    return after


async def test_every_operation_ever_signed_stays_known_and_any_may_land(journal: Journal) -> None:
    (row,) = await claimed(journal)
    row = await raised(journal, await sent(journal, row), 2)
    row = await raised(journal, row, 3, cancels=True)

    operations = await journal.operations(row.id)
    assert [(item.user_op_hash, item.cancels) for item in operations] == [
        (a_hash(1), False),
        (a_hash(2), False),
        (a_hash(3), True),
    ]
    assert (row.state, row.user_op_hash) == (State.SENT, a_hash(3))
    landed = await tell(journal, row, Event.SEE_OK, inclusion=seen(a_hash(1)))
    assert landed.state is State.INCLUDED_OK


async def test_the_dearest_of_all_that_was_signed_stays_reserved(journal: Journal) -> None:
    (row,) = await claimed(journal)
    row = await sent(journal, row, reserve=40)

    row = await raised(journal, row, 2, room(60))
    assert await journal.reserved() == {"usdc": 60}
    row = await raised(journal, row, 3, room(0), room(1, key="uses"), cancels=True)

    assert await journal.reserved() == {"usdc": 60, "uses": 1}
    assert await journal.reserved(besides=row.id) == {}


async def test_a_raise_needs_room_beside_the_others(journal: Journal) -> None:
    mine, other = await claimed(journal, a_job("mine"), a_job("other"))
    row = await sent(journal, mine, reserve=40)
    await sent(journal, other, seed=9, reserve=50)

    with pytest.raises(BudgetExceeded):
        await raised(journal, row, 2, room(51))
    assert (await raised(journal, row, 2, room(50))).state is State.SENT


async def test_a_cancel_that_is_final_uses_the_sequence_and_releases_the_limits(journal: Journal) -> None:
    (row,) = await claimed(journal)
    row = await raised(journal, await sent(journal, row, reserve=40), 2, cancels=True)

    after = await tell(journal, row, Event.SEE_CANCEL, inclusion=seen(a_hash(2)))

    assert after.state is State.CANCELLED
    assert (await journal.job(row.job_id)).next_sequence == 1
    assert await journal.reserved() == {}


async def test_a_payment_found_on_chain_ends_a_run_that_signed_nothing(journal: Journal) -> None:
    (row,) = await claimed(journal)

    after = await tell(journal, row, Event.FOUND, inclusion=seen(a_hash(5), delivered=True), lane_next=4)

    assert (after.state, after.settled) == (State.FINAL_OK, True)
    assert (await journal.job(row.job_id)).next_sequence == 4
    await journal.verify()


async def test_a_payment_found_for_what_was_sent_uses_its_sequence(journal: Journal) -> None:
    (row,) = await claimed(journal)
    row = await sent(journal, row, reserve=40)

    await tell(journal, row, Event.FOUND, inclusion=seen(a_hash(5), delivered=True))

    assert (await journal.job(row.job_id)).next_sequence == 1
    assert await journal.reserved() == {}


async def test_nothing_is_found_without_an_inclusion_or_in_a_run_that_landed(journal: Journal) -> None:
    (row,) = await claimed(journal)
    with pytest.raises(Bug):
        await tell(journal, row, Event.FOUND)
    with pytest.raises(Bug):
        await tell(journal, row, Event.FOUND, inclusion=seen(a_hash(5), success=False))
    landed = await included(journal, await sent(journal, row))
    with pytest.raises(IllegalTransition):
        await tell(journal, landed, Event.FOUND, inclusion=seen(a_hash(5)))
