"""A job's own caps, of every journal: reserved with the plan, counted by what came of it."""

import asyncio

import pytest

from agent.domain.errors import BudgetExceeded, Bug
from agent.domain.job_caps import JobCapKey
from agent.domain.journal import Reservation
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Wei
from agent.ports import Journal
from tests.builders import CHAIN_ID, a_hash
from tests.contract.journals import a_job, claimed, plan, sign, tell

DAY = str(JobCapKey("rent", "paid_per_day", "2026-03-01"))


def room(amount: int) -> Reservation:
    return Reservation(DAY, amount, 100, 0, 50)


def on_chain(amount: int) -> Reservation:
    return Reservation("usdc", amount, 100, 0, 50)


def seen(row: Occurrence, *, success: bool = True) -> Inclusion:
    assert row.user_op_hash is not None
    return Inclusion(row.user_op_hash, a_hash(77), 60, a_hash(60), success, Wei(5))


async def on_its_way(journal: Journal, row: Occurrence, amount: int) -> Occurrence:
    planned = await plan(journal, row, [room(amount)])
    return await tell(journal, await sign(journal, planned, row.id), Event.SEND)


class TestCapsOfJobs:
    async def test_a_success_counts_in_full_once_its_books_are_closed(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await on_its_way(journal, row, 80)
        row = await tell(journal, row, Event.SEE_OK, inclusion=seen(row))
        assert (await journal.reserved({CHAIN_ID: 999}), await journal.spent()) == ({DAY: 80}, {})
        row = await tell(journal, await tell(journal, row, Event.FINALIZE), Event.SETTLE, reservations=())
        assert (await journal.reserved(), await journal.spent()) == ({}, {DAY: 80})
        await journal.verify()

    async def test_a_failure_gives_it_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await on_its_way(journal, row, 80)
        row = await tell(journal, row, Event.SEE_FAIL, inclusion=seen(row, success=False))
        row = await tell(journal, await tell(journal, row, Event.FINALIZE), Event.RETRY, reservations=())
        assert (row.state, await journal.reserved(), await journal.spent()) == (State.CLAIMED, {}, {})
        await journal.verify()

    async def test_what_is_void_gives_it_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await on_its_way(journal, row, 80), Event.VOID)
        assert (await journal.reserved(), await journal.spent()) == ({}, {})

    async def test_a_cancel_that_was_included_gives_it_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await on_its_way(journal, row, 80)
        row = await tell(journal, row, Event.SEE_CANCEL, inclusion=seen(row))
        assert (row.state, await journal.reserved(), await journal.spent()) == (State.CANCELLED, {}, {})
        await journal.verify()

    async def test_what_is_foreign_keeps_it_until_a_person_says_what_it_was(self, journal: Journal) -> None:
        first, second = await claimed(journal, a_job("rent"), a_job("gym"))
        first = await tell(journal, await on_its_way(journal, first, 60), Event.SEE_FOREIGN)
        assert (first.state, await journal.reserved(), await journal.spent()) == (
            State.FOREIGN,
            {DAY: 60},
            {},
        )
        await journal.verify()
        with pytest.raises(BudgetExceeded) as refused:
            await plan(journal, second, [room(41)])
        assert refused.value.left == 40

        await tell(journal, first, Event.RESOLVE_PAID)

        assert (await journal.reserved(), await journal.spent()) == ({}, {DAY: 60})
        await journal.verify()

    async def test_what_is_foreign_and_was_not_paid_gives_it_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await on_its_way(journal, row, 60), Event.SEE_FOREIGN)
        await tell(journal, row, Event.RESOLVE_UNPAID)
        assert (await journal.reserved(), await journal.spent()) == ({}, {})
        await journal.verify()

    async def test_what_is_foreign_gives_back_what_its_job_does_not_cap(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await plan(journal, row, [room(60), on_chain(10)])
        row = await tell(journal, await sign(journal, row), Event.SEND)
        await tell(journal, row, Event.SEE_FOREIGN)
        assert await journal.reserved() == {DAY: 60}
        await journal.verify()

    async def test_a_payment_that_was_found_counts_as_it_is_room_or_not(self, journal: Journal) -> None:
        first, second = await claimed(journal, a_job("rent"), a_job("gym"))
        landed = Inclusion(a_hash(8), a_hash(77), 60, a_hash(60), success=True, actual_gas_cost_wei=Wei(5))
        for row, amount in ((first, 80), (second, 30)):
            await tell(journal, row, Event.FOUND, inclusion=landed, reservations=(room(amount),), lane_next=1)
        assert (await journal.reserved(), await journal.spent()) == ({}, {DAY: 110})
        await journal.verify()

    async def test_what_the_lane_did_for_no_run_counts_as_it_is(self, journal: Journal) -> None:
        first, second = await claimed(journal, a_job("rent"), a_job("gym"))
        held = await tell(journal, first, Event.HOLD, code="lane_ahead", lane_next=2, lane_uses=(room(80),))
        await tell(journal, second, Event.HOLD, code="lane_ahead", lane_next=1, lane_uses=(room(30),))
        assert (await journal.reserved(), await journal.spent()) == ({}, {DAY: 110})
        with pytest.raises(Bug, match="does not move it"):
            await tell(journal, held, Event.RESOLVE_PAID, lane_uses=(room(1),))
        await journal.verify()

    async def test_a_payment_that_was_found_uses_nothing_but_caps_of_its_job(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        landed = Inclusion(a_hash(8), a_hash(77), 60, a_hash(60), success=True, actual_gas_cost_wei=Wei(5))
        with pytest.raises(Bug, match="no cap of its job"):
            await tell(journal, row, Event.FOUND, inclusion=landed, reservations=(on_chain(10),))

    async def test_a_plan_that_is_taken_back_gives_it_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        planned = await plan(journal, row, [room(80)])
        await tell(journal, planned, Event.UNPLAN, reservations=())
        assert (await journal.reserved(), await journal.spent()) == ({}, {})

    async def test_a_reorg_keeps_it_reserved(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await on_its_way(journal, row, 80)
        row = await tell(journal, row, Event.SEE_OK, inclusion=seen(row))
        await tell(journal, row, Event.REORG)
        assert (await journal.reserved(), await journal.spent()) == ({DAY: 80}, {})

    async def test_of_many_plans_for_the_last_of_a_cap_as_many_pass_as_fit(self, journal: Journal) -> None:
        rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(16)))
        results = await asyncio.gather(
            *(plan(journal, row, [room(30)]) for row in rows), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, BudgetExceeded)]
        assert ({error.left for error in refused}, len(refused)) == ({10}, 13)
        assert await journal.reserved() == {DAY: 90}

    async def test_what_was_spent_leaves_less_room(self, journal: Journal) -> None:
        first, second = await claimed(journal, a_job("rent"), a_job("gym"))
        row = await on_its_way(journal, first, 80)
        row = await tell(journal, row, Event.SEE_OK, inclusion=seen(row))
        await tell(journal, await tell(journal, row, Event.FINALIZE), Event.SETTLE, reservations=())
        with pytest.raises(BudgetExceeded) as refused:
            await plan(journal, second, [room(21)])
        assert (refused.value.needed, refused.value.left) == (21, 20)
        await plan(journal, second, [room(20)])
