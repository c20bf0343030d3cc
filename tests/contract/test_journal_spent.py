"""Limits that the agent counts itself, of every journal: what a paymaster may pay, and take, in a day."""

import asyncio

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import BudgetExceeded
from agent.domain.journal import Reservation
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.paymaster import PaymasterKey
from agent.domain.states import Event, State
from agent.domain.units import Wei
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, PAYEE, a_hash
from tests.contract.journals import a_job, claimed, included, plan, sent, sign, tell

DAY = str(PaymasterKey(CHAIN_ID, "sponsor", "2026-03-01"))
FEE = str(PaymasterKey(CHAIN_ID, "sponsor", "2026-03-01", PAYEE, ACCOUNT))
NEXT_DAY = str(PaymasterKey(CHAIN_ID, "sponsor", "2026-03-02"))


def room(amount: int, *, key: str = DAY, limit: int = 100) -> Reservation:
    """Return a reservation; what is used of the limit, the journal knows."""
    return Reservation(key, amount, limit, 0, 50)


def seen(row: Occurrence, *, success: bool = True, cost: int = 30, fee: int | None = None) -> Inclusion:
    assert row.user_op_hash is not None
    return Inclusion(row.user_op_hash, a_hash(77), 60, a_hash(60), success, Wei(cost), paymaster_fee=fee)


async def on_its_way(journal: Journal, row: Occurrence, *reservations: Reservation) -> Occurrence:
    planned = await plan(journal, row, reservations)
    return await tell(journal, await sign(journal, planned, row.id), Event.SEND)


async def paid(
    journal: Journal, row: Occurrence, *reservations: Reservation, cost: int = 30, fee: int | None = None
) -> Occurrence:
    row = await on_its_way(journal, row, *reservations)
    row = await tell(journal, row, Event.SEE_OK, inclusion=seen(row, cost=cost, fee=fee))
    row = await tell(journal, row, Event.FINALIZE)
    return await tell(journal, row, Event.SETTLE, reservations=())


class TestWhatTheAgentCounts:
    async def test_the_actual_cost_stays_after_the_reservation_is_gone(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        await paid(journal, row, room(80))
        assert (await journal.reserved(), await journal.spent()) == ({}, {DAY: 30})
        await journal.verify()

    async def test_what_was_spent_leaves_less_room(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await paid(journal, rent, room(80))
        with pytest.raises(BudgetExceeded) as refused:
            await plan(journal, gym, [room(71)])
        assert (refused.value.needed, refused.value.left) == (71, 70)
        await plan(journal, gym, [room(70)])

    async def test_another_day_has_room_of_its_own(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await paid(journal, rent, room(100), cost=100)
        await plan(journal, gym, [room(100, key=NEXT_DAY)])

    async def test_the_worst_case_is_held_until_the_books_are_closed(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        row = await on_its_way(journal, rent, room(80))
        await included(journal, row)
        assert await journal.reserved({CHAIN_ID: 999}) == {DAY: 80}
        with pytest.raises(BudgetExceeded):
            await plan(journal, gym, [room(21)])

    async def test_a_fee_that_nobody_measured_counts_as_the_worst_case(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await paid(journal, rent, room(80), room(40, key=FEE))
        assert await journal.spent() == {DAY: 30, FEE: 40}
        await paid(journal, gym, room(20), room(40, key=FEE), fee=7)
        assert await journal.spent() == {DAY: 60, FEE: 47}

    async def test_an_operation_that_failed_was_paid_for(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await on_its_way(journal, row, room(80))
        row = await tell(journal, row, Event.SEE_FAIL, inclusion=seen(row, success=False, cost=25))
        row = await tell(journal, row, Event.FINALIZE)
        row = await tell(journal, row, Event.RETRY, reservations=())
        assert (row.state, await journal.spent()) == (State.CLAIMED, {DAY: 25})
        await journal.verify()

    async def test_an_operation_that_never_landed_cost_nothing(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await on_its_way(journal, row, room(80)), Event.VOID)
        assert (row.state, await journal.reserved(), await journal.spent()) == (State.EXPIRED, {}, {})

    async def test_a_reorg_before_finality_takes_nothing_back_and_counts_nothing(
        self, journal: Journal
    ) -> None:
        (row,) = await claimed(journal)
        row = await included(journal, await on_its_way(journal, row, room(80)))
        await tell(journal, row, Event.REORG)
        assert (await journal.reserved(), await journal.spent()) == ({DAY: 80}, {})

    async def test_what_a_person_calls_paid_counts_as_the_worst_case(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await on_its_way(journal, row, room(80)), Event.HOLD)
        await tell(journal, row, Event.RESOLVE_PAID)
        assert await journal.spent() == {DAY: 80}

    async def test_of_32_plans_for_the_last_of_a_day_as_many_pass_as_fit(self, journal: Journal) -> None:
        first, *rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(33)))
        await paid(journal, first, room(80))
        results = await asyncio.gather(
            *(plan(journal, row, [room(30)]) for row in rows), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, BudgetExceeded)]
        assert (len(refused), await journal.reserved()) == (30, {DAY: 60})

    async def test_a_rehearsal_knows_what_was_spent(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        await paid(journal, row, room(80))
        rehearsal = await MemoryJournal.rehearsing(journal)
        assert await rehearsal.spent() == {DAY: 30}

    async def test_a_chains_own_limit_beside_it_is_not_counted_twice(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await sent(journal, row, reserve=60)
        row = await tell(journal, row, Event.SEE_OK, inclusion=seen(row))
        await tell(journal, await tell(journal, row, Event.FINALIZE), Event.SETTLE)
        assert (await journal.reserved(), await journal.spent()) == ({}, {})
