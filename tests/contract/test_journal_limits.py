"""Reservations, concurrency and the hash chain of every journal."""

import asyncio

import pytest

from agent.domain.errors import (
    BudgetExceeded,
    Bug,
    StaleRecord,
)
from agent.domain.states import Event, State
from agent.domain.units import UINT256_MAX, Timestamp
from agent.ports import Journal
from tests.builders import CHAIN_ID, NOW, a_hash
from tests.contract.journals import (
    a_change,
    a_job,
    a_signed,
    claimed,
    included,
    plan,
    room,
    sent,
    sign,
    tell,
)


class TestReservations:
    async def test_a_uint256_is_never_rounded(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        await plan(journal, row, [room(UINT256_MAX, limit=UINT256_MAX)])
        assert await journal.reserved() == {"usdc": UINT256_MAX}

    async def test_what_others_hold_counts_and_a_refusal_leaves_no_trace(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await plan(journal, rent, [room(60)])
        with pytest.raises(BudgetExceeded) as refused:
            await plan(journal, gym, [room(5, key="gas"), room(31, used=10)])
        assert (refused.value.limit_key, refused.value.needed, refused.value.left) == ("usdc", 31, 30)
        assert await journal.reserved() == {"usdc": 60}
        assert gym == await journal.occurrence(gym.id)
        await plan(journal, gym, [room(30, used=10)])
        assert await journal.reserved() == {"usdc": 90}

    async def test_the_chain_counts_from_the_inclusions_block_on(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        row = await included(journal, await sent(journal, rent, reserve=60), block=70)
        assert await journal.reserved() == {}
        assert await journal.reserved({CHAIN_ID: 70}) == {}
        assert await journal.reserved({CHAIN_ID: 69}) == {"usdc": 60}
        with pytest.raises(BudgetExceeded):
            await plan(journal, gym, [room(41, used=0, at_block=69)])
        planned = await plan(journal, gym, [room(40, used=60, at_block=70)])
        await tell(journal, planned, Event.UNPLAN)
        await tell(journal, row, Event.REORG)
        assert await journal.reserved({CHAIN_ID: 70}) == {"usdc": 60}

    async def test_each_who_asks_at_once_is_told_of_the_others(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await plan(journal, rent, [room(60), room(1, key="uses", limit=5)])
        asked = asyncio.gather(
            journal.reserved(besides=rent.id), journal.reserved(besides=gym.id), journal.reserved()
        )
        both = {"usdc": 60, "uses": 1}
        assert list(await asked) == [{}, both, both]
        await plan(journal, gym, [room(30)])
        assert await journal.reserved(besides=rent.id) == {"usdc": 30}

    async def test_a_raise_replaces_what_the_occurrence_itself_holds(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await sent(journal, row, reserve=60)
        change = a_change(row, Event.RAISE, reservations=(room(90), room(1, key="gas")))
        row, _ = await journal.append(a_signed(row, 2), change)
        assert await journal.reserved() == {"usdc": 90, "gas": 1}
        change = a_change(row, Event.RAISE, reservations=(room(101),))
        with pytest.raises(BudgetExceeded):
            await journal.append(a_signed(row, 3), change)
        assert await journal.reserved() == {"usdc": 90, "gas": 1}
        assert len(await journal.operations(row.id)) == 2

    @pytest.mark.parametrize("event", [Event.SKIP, Event.GIVE_UP, Event.UNPLAN])
    async def test_an_unsigned_plan_that_ends_lets_go(self, journal: Journal, event: Event) -> None:
        (row,) = await claimed(journal)
        await tell(journal, await plan(journal, row, [room(60)]), event)
        assert await journal.reserved() == {}

    @pytest.mark.parametrize("event", [Event.VOID, Event.SEE_FOREIGN, Event.SEE_CANCEL])
    async def test_an_operation_that_can_never_land_lets_go(self, journal: Journal, event: Event) -> None:
        (row,) = await claimed(journal)
        await tell(journal, await sent(journal, row, reserve=60), event)
        assert await journal.reserved() == {}

    async def test_a_hold_keeps_and_a_person_lets_go(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await sent(journal, row, reserve=60), Event.HOLD)
        assert await journal.reserved() == {"usdc": 60}
        await tell(journal, row, Event.RESOLVE_UNPAID)
        assert await journal.reserved() == {}

    async def test_settlement_lets_go(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await included(journal, await sent(journal, row, reserve=60), block=70)
        row = await tell(journal, row, Event.FINALIZE)
        assert await journal.reserved({CHAIN_ID: 69}) == {"usdc": 60}
        await tell(journal, row, Event.SETTLE)
        assert await journal.reserved({CHAIN_ID: 69}) == {}

    async def test_one_limit_twice_or_an_amount_out_of_range_is_a_bug(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        for wrong in ([room(1), room(2)], [room(-1)], [room(UINT256_MAX + 1, limit=UINT256_MAX + 1)]):
            with pytest.raises(Bug):
                await plan(journal, row, wrong)


class TestConcurrency:
    async def test_of_32_plans_for_the_last_of_a_limit_as_many_pass_as_fit(self, journal: Journal) -> None:
        rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(32)))
        results = await asyncio.gather(
            *(plan(journal, row, [room(30)]) for row in rows), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, BudgetExceeded)]
        assert (len(refused), 32 - len(refused)) == (29, 3)
        assert await journal.reserved() == {"usdc": 90}

    async def test_256_concurrent_appends_all_arrive_in_one_chain(self, journal: Journal) -> None:
        rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(256)))
        planned = await asyncio.gather(*(plan(journal, row) for row in rows))
        await asyncio.gather(*(sign(journal, row, seed=row.id) for row in planned))
        for row in rows:
            (operation,) = await journal.operations(row.id)
            assert a_hash(row.id) == operation.user_op_hash
        assert len(await journal.entries()) == 256 * 4 + 1
        await journal.verify()

    async def test_a_refused_record_leaves_its_neighbours_alone(self, journal: Journal) -> None:
        rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(9)))
        planned = [await plan(journal, row) for row in rows]
        changes = [
            sign(journal, row, seed=1 if row.id % 3 == 0 else 10 + row.id)
            if row.id % 3 != 1
            else tell(journal, row, Event.SEND)
            for row in planned
        ]
        results = await asyncio.gather(*changes, return_exceptions=True)
        kinds = [type(result).__name__ for result in results]
        assert kinds.count("IllegalTransition") == 3
        assert kinds.count("DuplicateOperation") == 2
        signed = await journal.occurrences(states=[State.SIGNED])
        assert 4 == len(signed) == kinds.count("Occurrence")
        await journal.verify()

    async def test_a_value_the_database_refuses_leaves_its_neighbours_alone(self, journal: Journal) -> None:
        rows = await claimed(journal, a_job("rent"), a_job("gym"))
        unreal = Timestamp(2**70)
        results = await asyncio.gather(
            tell(journal, rows[0], Event.HOLD),
            tell(journal, rows[1], Event.HOLD, not_before=unreal),
            return_exceptions=True,
        )
        assert (await journal.occurrence(rows[0].id)).state == State.HELD
        assert not isinstance(results[0], BaseException)
        await journal.verify()

    async def test_two_changes_of_one_version_pass_once(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        results = await asyncio.gather(
            *(tell(journal, row, Event.POSTPONE) for _ in range(8)), return_exceptions=True
        )
        assert sum(isinstance(result, StaleRecord) for result in results) == 7


class TestTheHashChain:
    async def test_every_change_is_an_entry_that_covers_the_one_before(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        await journal.pause("rent", "holiday", NOW)
        await journal.resume("rent", NOW)
        await sent(journal, row, reserve=5)
        entries = await journal.entries()
        assert [entry.event for entry in entries] == [
            "enroll",
            "due",
            "claim",
            "pause",
            "resume",
            "plan",
            "sign",
            "send",
        ]
        assert ["0" * 64, *(entry.digest for entry in entries[:-1])] == [
            entry.previous_digest for entry in entries
        ]
        assert ("planned", "signed", row.id) == (
            entries[6].from_state,
            entries[6].to_state,
            entries[6].occurrence_id,
        )
        assert list(entries[2:3] + entries[5:]) == list(await journal.entries(row.id))
        await journal.verify()

    async def test_an_unchanged_job_adds_nothing(self, journal: Journal) -> None:
        await journal.enroll([a_job()], NOW)
        await journal.enroll([a_job()], NOW)
        assert len(await journal.entries()) == 1
