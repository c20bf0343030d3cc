"""Changes in every journal: states, lanes, signed bytes."""

from dataclasses import replace

import pytest

from agent.domain.errors import (
    Bug,
    DuplicateOperation,
    IllegalTransition,
    NotFound,
    StaleRecord,
)
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Nonce
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.ports import Journal
from tests.builders import NOW, a_hash
from tests.contract.journals import (
    DAY_S,
    a_change,
    a_job,
    a_signed,
    claimed,
    daily,
    included,
    plan,
    room,
    seen,
    sent,
    sign,
    tell,
)


class TestRecording:
    async def test_a_change_of_another_version_is_stale(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        await tell(journal, row, Event.POSTPONE)
        with pytest.raises(StaleRecord, match="version 3, not 2"):
            await tell(journal, row, Event.HOLD)

    async def test_an_event_outside_the_table_is_refused_and_writes_nothing(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        with pytest.raises(IllegalTransition):
            await tell(journal, row, Event.SEND)
        assert row == await journal.occurrence(row.id)
        assert len(await journal.entries(row.id)) == 1

    async def test_an_unknown_occurrence_is_named(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        with pytest.raises(NotFound, match="99"):
            await tell(journal, replace(row, id=99), Event.HOLD)
        with pytest.raises(NotFound, match="99"):
            await journal.occurrence(99)

    async def test_a_postponed_occurrence_keeps_reason_and_time(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        later = Timestamp(NOW + 60)
        parts = {"code": "insufficient_balance", "reason": "5 < 10\0", "not_before": later}
        row = await tell(journal, row, Event.POSTPONE, **parts)
        assert (State.DUE, "insufficient_balance", "5 < 10", later) == (
            row.state,
            row.code,
            row.reason,
            row.not_before,
        )
        assert row == await journal.occurrence(row.id)
        assert (await tell(journal, row, Event.CLAIM)).code == ""

    async def test_release_goes_back_with_nonce_and_inclusion(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        before = await included(journal, await sent(journal, row))
        held = await tell(journal, before, Event.HOLD, code="paused", reason="by hand")
        assert (State.HELD, State.INCLUDED_OK, before.inclusion) == (
            held.state,
            held.held_from,
            held.inclusion,
        )
        after = await tell(journal, held, Event.RELEASE)
        assert replace(before, version=after.version) == after

    @pytest.mark.parametrize("event", [Event.SEE_OK, Event.SEE_FAIL])
    async def test_a_request_to_cancel_outlives_what_a_reorg_takes_back(
        self, journal: Journal, event: Event
    ) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await sent(journal, row), Event.ASK_CANCEL, code=CANCEL_ASKED, reason="why")
        row = await included(journal, row, success=event is Event.SEE_OK)
        row = await tell(journal, row, Event.REORG, code="reorg", reason="its block left the chain")
        assert (row.state, row.code, row.reason) == (State.SENT, CANCEL_ASKED, "why")
        row = await tell(journal, row, Event.VOID, code="expired", reason="too late")
        assert (row.state, row.code, row.reason) == (State.EXPIRED, CANCEL_ASKED, "why")

    async def test_of_what_is_held_a_cancel_is_asked_for_only_where_it_was_sent(
        self, journal: Journal
    ) -> None:
        rent, gym = await claimed(journal, a_job("gym"), a_job("rent"))
        held = await tell(journal, await sent(journal, rent), Event.HOLD)
        assert (await tell(journal, held, Event.ASK_CANCEL)).state is State.SENT
        with pytest.raises(IllegalTransition):
            await tell(journal, await tell(journal, gym, Event.HOLD), Event.ASK_CANCEL)
        await journal.verify()

    async def test_only_the_end_of_an_occurrence_is_settled(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await sent(journal, row)
        with pytest.raises(IllegalTransition):
            await tell(journal, row, Event.SETTLE)
        row = await tell(journal, await included(journal, row), Event.FINALIZE)
        assert (await tell(journal, row, Event.SETTLE)).settled

    async def test_occurrences_are_found_by_state_and_job(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        if rent.job_id != "rent":
            rent, gym = gym, rent
        held = await tell(journal, rent, Event.HOLD)
        assert (held,) == await journal.occurrences(states=[State.HELD])
        assert (gym,) == await journal.occurrences(job_id="gym")
        both = await journal.occurrences(states=[State.HELD, State.CLAIMED])
        assert {held, gym} == set(both)
        assert both[::-1][:1] == await journal.occurrences(newest_first=True, limit=1)

    async def test_occurrences_are_found_by_settlement(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await included(journal, await sent(journal, row)), Event.FINALIZE)
        assert (row,) == await journal.occurrences(states=[row.state], settled=False)
        settled = await tell(journal, row, Event.SETTLE)
        assert await journal.occurrences(settled=False) == ()
        assert (settled,) == await journal.occurrences(settled=True)


class TestTheLane:
    async def test_a_plan_takes_the_next_sequence_and_raises_the_attempt(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await plan(journal, row)
        key = (await journal.job("rent")).enrolment.nonce_key
        assert (State.PLANNED, Nonce(key, 0), 1) == (row.state, row.nonce, row.attempt)
        assert row == await journal.occurrence(row.id)

    async def test_a_plan_on_another_sequence_is_stale(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        key = (await journal.job("rent")).enrolment.nonce_key
        with pytest.raises(StaleRecord, match="is at 0, not 1"):
            await tell(journal, row, Event.PLAN, nonce=Nonce(key, 1))

    async def test_a_plan_on_the_key_of_another_lane_is_a_bug(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        with pytest.raises(Bug, match="nonce key"):
            await tell(journal, row, Event.PLAN, nonce=Nonce(1, 0))

    async def test_a_plan_without_a_nonce_is_a_bug(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        with pytest.raises(Bug):
            await tell(journal, row, Event.PLAN)

    @pytest.mark.parametrize("held", [False, True])
    @pytest.mark.parametrize("steps", range(4))
    async def test_one_occurrence_of_a_lane_at_a_time(
        self, journal: Journal, steps: int, *, held: bool
    ) -> None:
        await claimed(journal)
        later = Timestamp(NOW + DAY_S)
        first, second = (*await journal.occurrences(), *await journal.claim_due(later, 10, daily))
        second = await tell(journal, second, Event.CLAIM)
        first = await plan(journal, first)
        if steps > 0:
            first = await sign(journal, first)
        if steps > 1:
            first = await tell(journal, first, Event.SEND)
        if steps > 2:
            first = await included(journal, first)
        if held:
            await tell(journal, first, Event.HOLD)
        with pytest.raises(DuplicateOperation, match=f"taken by run {first.id}"):
            await plan(journal, second)

    async def test_an_unsigned_plan_gives_its_sequence_and_its_attempt_back(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await plan(journal, row, [room(7)]), Event.UNPLAN)
        assert (row.state, row.nonce, row.attempt) == (State.DUE, None, 0)
        assert await journal.reserved() == {}
        again = await plan(journal, await tell(journal, row, Event.CLAIM))
        assert again.nonce is not None
        assert (again.nonce.sequence, again.attempt) == (0, 1)

    @pytest.mark.parametrize("success", [True, False])
    async def test_a_final_operation_moves_the_lane(self, journal: Journal, *, success: bool) -> None:
        (row,) = await claimed(journal)
        row = await included(journal, await sent(journal, row), success=success)
        assert (await journal.job("rent")).next_sequence == 0
        row = await tell(journal, row, Event.FINALIZE)
        assert State.FINAL_OK if success else row.state == State.FINAL_FAIL
        assert (await journal.job("rent")).next_sequence == 1

    async def test_a_retry_after_a_final_failure_takes_the_next_sequence(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(
            journal, await included(journal, await sent(journal, row), success=False), Event.FINALIZE
        )
        row = await tell(journal, row, Event.RETRY)
        assert (row.nonce, row.user_op_hash, row.inclusion, row.attempt) == (None, None, None, 1)
        row = await plan(journal, row)
        assert row.nonce is not None
        assert (row.nonce.sequence, row.attempt) == (1, 2)

    async def test_a_retry_after_expiry_takes_the_same_sequence(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await sent(journal, row), Event.VOID)
        row = await plan(journal, await tell(journal, row, Event.RETRY))
        assert row.nonce is not None
        assert (row.nonce.sequence, row.attempt) == (0, 2)
        row = await sign(journal, row, seed=2)
        assert [operation.attempt for operation in await journal.operations(row.id)] == [1, 2]

    async def test_a_foreign_operation_and_a_cancel_move_the_lane(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("gym"), a_job("rent"))
        await tell(journal, await sent(journal, rent, 1), Event.SEE_FOREIGN, lane_next=5)
        await tell(journal, await sent(journal, gym, 2), Event.SEE_CANCEL)
        assert {5, 1} == {row.next_sequence for row in await journal.jobs()}

    async def test_a_person_may_set_the_lane(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await sent(journal, row), Event.HOLD)
        row = await tell(journal, row, Event.RESOLVE_PAID, lane_next=2**64 - 1, reason="seen on the explorer")
        assert row.state == State.FINAL_OK
        assert (await journal.job("rent")).next_sequence == 2**64 - 1

    @pytest.mark.parametrize("word", [0, 1])
    async def test_a_word_from_before_the_lane_moved_does_not_move_it_back(
        self, journal: Journal, word: int
    ) -> None:
        (held,) = await claimed(journal)
        held = await tell(journal, held, Event.HOLD)
        (second,) = await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)
        second = await sent(journal, await tell(journal, second, Event.CLAIM))
        await tell(journal, await included(journal, second), Event.FINALIZE)
        await tell(journal, held, Event.RESOLVE_UNPAID, lane_next=word)
        assert (await journal.job("rent")).next_sequence == 1
        await journal.verify()

    async def test_what_a_deep_reorg_undid_holds_the_lane(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await tell(journal, await included(journal, await sent(journal, row)), Event.FINALIZE)
        row = await tell(journal, row, Event.DEEP_REORG)
        # Its block is not the chain's any more: what a person decides about it stands on another ground.
        assert (row.state, row.held_from, row.inclusion) == (State.HELD, State.FINAL_OK, None)
        (second,) = await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)
        with pytest.raises(DuplicateOperation):
            await plan(journal, await tell(journal, second, Event.CLAIM))


class TestAppending:
    async def test_what_was_signed_comes_back_whole(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await plan(journal, row)
        signed = a_signed(row, valid_until=NOW + 600)
        after, stored = await journal.append(signed, a_change(row, Event.SIGN, facts={"head": "0xab"}))
        assert (State.SIGNED, signed.user_op_hash) == (after.state, after.user_op_hash)
        assert (signed.operation, row.nonce, NOW + 600, NOW, 100) == (
            stored.operation,
            stored.nonce,
            stored.valid_until,
            stored.journaled_at,
            stored.planned_at_block,
        )
        assert (stored,) == await journal.operations(row.id)
        assert after == await journal.occurrence(row.id)

    async def test_raised_operations_keep_their_order(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await sent(journal, row, seed=9)
        for seed in (3, 5):
            row, _ = await journal.append(a_signed(row, seed), a_change(row, Event.RAISE))
        hashes = [operation.user_op_hash for operation in await journal.operations(row.id)]
        assert [a_hash(9), a_hash(3), a_hash(5)] == hashes
        assert (State.SENT, a_hash(5)) == (row.state, row.user_op_hash)

    async def test_the_operations_of_many_are_read_at_once(self, journal: Journal) -> None:
        rent, gym, club = await claimed(journal, a_job("rent"), a_job("gym"), a_job("club"))
        rent = await sent(journal, rent, seed=9)
        rent, _ = await journal.append(a_signed(rent, 3), a_change(rent, Event.RAISE))
        gym = await sent(journal, gym, seed=1)
        many = range(10_000, 11_000)
        found = await journal.operations_of([gym.id, club.id, *many, rent.id])
        assert {row.id: await journal.operations(row.id) for row in (rent, gym)} == found
        assert await journal.operations_of([]) == {}

    async def test_one_hash_is_stored_once(self, journal: Journal) -> None:
        rent, gym = await claimed(journal, a_job("rent"), a_job("gym"))
        await sent(journal, rent, seed=1)
        planned = await plan(journal, gym)
        with pytest.raises(DuplicateOperation, match=f"for occurrence {rent.id}"):
            await sign(journal, planned, seed=1)
        assert await journal.operations(gym.id) == ()
        assert planned == await journal.occurrence(gym.id)

    async def test_an_operation_that_was_not_planned_is_refused(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await plan(journal, row)
        assert row.nonce is not None
        other = replace(row, nonce=Nonce(row.nonce.key, 1))
        for wrong in (other, replace(row, attempt=2), replace(row, id=row.id + 1)):
            with pytest.raises(Bug, match="not what occurrence"):
                await journal.append(a_signed(wrong), a_change(row, Event.SIGN))
        assert await journal.operations(row.id) == ()

    async def test_signing_needs_bytes_and_bytes_need_signing(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await plan(journal, row)
        with pytest.raises(Bug):
            await tell(journal, row, Event.SIGN)
        with pytest.raises(Bug):
            await journal.append(a_signed(row), a_change(row, Event.UNPLAN))

    async def test_only_our_own_hashes_are_seen(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await sent(journal, row)
        with pytest.raises(Bug, match="never signed"):
            await tell(journal, row, Event.SEE_OK, inclusion=seen(a_hash(1234)))
        with pytest.raises(Bug, match="says the same"):
            await tell(journal, row, Event.SEE_OK, inclusion=seen(a_hash(1), success=False))

    async def test_an_inclusion_comes_back_whole_and_a_reorg_clears_it(self, journal: Journal) -> None:
        (row,) = await claimed(journal)
        row = await included(journal, await sent(journal, row))
        assert seen(a_hash(1)) == row.inclusion == (await journal.occurrence(row.id)).inclusion
        delivered = seen(a_hash(1), delivered=True)
        row = await tell(journal, await tell(journal, row, Event.REORG), Event.SEE_OK, inclusion=delivered)
        assert delivered == (await journal.occurrence(row.id)).inclusion
        row = await tell(journal, row, Event.REORG)
        assert (row.state, row.inclusion) == (State.SENT, None)
