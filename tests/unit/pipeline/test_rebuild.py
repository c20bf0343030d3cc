"""A lane that is ahead of the journal: what it paid is booked once, and by one worker alone."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.job_caps import JobCapKey
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.utc_day import day_of
from agent.domain.watching import JobCap, Spend
from agent.pipeline.lane_reading import lane_history
from agent.pipeline.rebuild import FOUND, rebuilt
from agent.pipeline.refusal import Defer
from jobs.subscription import Subscription, SubscriptionSpec
from tests.contract.journals import a_change, a_signed, included, plan, sent, tell
from tests.unit.pipeline.lane_chain import (
    Node,
    a_context,
    a_definition,
    a_journal,
    at,
    payment,
    services_of,
)

LATER = at(1, 60)
"""The first slot's payment lands when the second is due too."""
FIRST = payment(0, LATER).user_op_hash
"""The lane's first payment, whenever it lands."""


async def signed_first(journal: MemoryJournal, run: Occurrence) -> Occurrence:
    """Have a run sign and send the lane's first payment."""
    planned = await plan(journal, run)
    known = replace(a_signed(planned), user_op_hash=FIRST)
    after, _ = await journal.append(known, a_change(planned, Event.SIGN))
    return await tell(journal, after, Event.SEND)


async def test_a_payment_that_nobody_knows_is_booked_to_the_slot_that_it_fits() -> None:
    journal, (run,) = await a_journal(1)
    job = a_context(a_definition(), Node([payment(0, at(0, 60))]))

    after = await rebuilt(services_of(journal), job, run)

    assert (after.state, after.code) == (State.FINAL_OK, FOUND)
    assert after.inclusion is not None
    assert after.inclusion.user_op_hash == FIRST
    assert (await journal.job("rent")).next_sequence == 1


class Capped(Subscription):
    """A subscription of three payments a day."""

    def caps(self, spec: SubscriptionSpec) -> tuple[JobCap, ...]:
        return (JobCap("paid_per_day", 3, per_day=True), JobCap("paid_in_all", 9, per_day=False))

    def slot_spends(self, spec: SubscriptionSpec) -> tuple[Spend, ...]:
        return Spend("paid_per_day", 1), Spend("paid_in_all", 1)


async def test_what_a_lost_journal_paid_counts_for_the_caps_of_its_job_on_the_day_it_landed() -> None:
    journal, runs = await a_journal(2)
    job = a_context(a_definition(), Node([payment(0, at(0, 60)), payment(1, at(1, 60))]))
    cast("SimpleNamespace", job).kind = Capped()

    assert (await rebuilt(services_of(journal), job, runs[0])).code == FOUND

    days = [str(JobCapKey("rent", "paid_per_day", day_of(at(day)))) for day in range(2)]
    assert await journal.spent() == {days[0]: 1, days[1]: 1, str(JobCapKey("rent", "paid_in_all")): 2}
    assert await journal.reserved() == {}


async def test_a_lane_that_another_worker_follows_is_left_to_it() -> None:
    journal, (first, second) = await a_journal(2)
    await signed_first(journal, first)
    job = a_context(a_definition(), Node([payment(0, LATER)]))

    with pytest.raises(Defer) as deferred:
        await rebuilt(services_of(journal), job, second)

    assert deferred.value.code == "lane_followed"
    assert str(FIRST) in str(deferred.value)
    assert await journal.occurrence(second.id) == second
    assert (await journal.job("rent")).next_sequence == 0


async def test_a_payment_booked_while_the_chain_is_read_is_not_booked_to_the_next_slot_too() -> None:
    journal, (first, second) = await a_journal(2)
    here = await included(journal, await signed_first(journal, first))

    async def book() -> None:
        if (await journal.occurrence(here.id)).state is State.INCLUDED_OK:
            await tell(journal, here, Event.FINALIZE)

    job = a_context(a_definition(), Node([payment(0, LATER)], meanwhile=book))

    with pytest.raises(Defer) as deferred:
        await rebuilt(services_of(journal), job, second)

    assert deferred.value.code == "lane_followed"
    rows = await journal.occurrences()
    assert [(row.state, row.code) for row in rows] == [(State.FINAL_OK, ""), (State.CLAIMED, "")]


async def test_one_known_operation_among_unknown_ones_is_enough() -> None:
    journal, (first, second) = await a_journal(2)
    await signed_first(journal, first)
    landed = [payment(0, at(0, 60)), payment(1, LATER)]

    with pytest.raises(Defer) as deferred:
        await rebuilt(services_of(journal), a_context(a_definition(), Node(landed)), second)

    assert deferred.value.code == "lane_followed"


async def test_what_a_person_called_paid_may_be_what_the_payment_was_for() -> None:
    journal, (first, second) = await a_journal(2)
    await tell(journal, await tell(journal, first, Event.HOLD), Event.RESOLVE_PAID)

    after = await rebuilt(services_of(journal), a_context(a_definition(), Node([payment(0, LATER)])), second)

    assert (after.state, after.code) == (State.HELD, LANE_AHEAD)


async def test_a_rebuild_that_was_interrupted_settles_what_it_would_have_settled() -> None:
    journal, (first, second) = await a_journal(2)
    landed = [payment(0, at(1, 30)), payment(1, LATER)]
    job = a_context(a_definition(), Node(landed))
    seen = (await lane_history(job, 0, 1, await job.chain.agreed.finalized()))[0].inclusion
    assert seen is not None
    await tell(journal, first, Event.FOUND, inclusion=replace(seen, delivered=True))

    after = await rebuilt(services_of(journal), job, second)

    assert (after.state, after.code) == (State.FINAL_OK, FOUND)
    assert after.inclusion is not None
    assert after.inclusion.user_op_hash == landed[1].user_op_hash


async def test_a_slot_that_a_fast_clock_paid_before_it_was_due_is_not_paid_again() -> None:
    journal, (run,) = await a_journal(1)
    job = a_context(a_definition(), Node([payment(0, at(0, -300))]))

    after = await rebuilt(services_of(journal), job, run)

    assert (after.state, after.code) == (State.FINAL_OK, FOUND)


async def void(journal: MemoryJournal, run: Occurrence) -> Occurrence:
    """Let what was signed for a run be void by its session's end."""
    return await tell(journal, await signed_first(journal, run), Event.VOID)


async def test_what_was_void_and_landed_when_its_session_was_extended_is_its_own_runs_payment() -> None:
    journal, (run,) = await a_journal(1)
    again = await tell(journal, await void(journal, run), Event.RETRY)
    job = a_context(a_definition(), Node([payment(0, at(0, 60))]))

    after = await rebuilt(services_of(journal), job, again)

    assert (after.state, after.code) == (State.FINAL_OK, FOUND)
    assert (await journal.job("rent")).next_sequence == 1


async def test_what_was_void_and_given_up_and_landed_all_the_same_is_told_and_not_paid_again() -> None:
    journal, (first, second) = await a_journal(2)
    await tell(journal, await void(journal, first), Event.GIVE_UP)
    job = a_context(a_definition(), Node([payment(0, LATER)]))

    after = await rebuilt(services_of(journal), job, second)

    assert (after.state, after.code) == (State.HELD, LANE_AHEAD)
    assert (await journal.job("rent")).next_sequence == 1


async def test_what_was_void_and_is_signed_anew_is_left_to_whoever_follows_that() -> None:
    journal, (first, second) = await a_journal(2)
    again = await tell(journal, await void(journal, first), Event.RETRY)
    await sent(journal, again, seed=2)
    job = a_context(a_definition(), Node([payment(0, LATER)]))

    with pytest.raises(Defer) as deferred:
        await rebuilt(services_of(journal), job, second)

    assert deferred.value.code == "lane_followed"
