"""After a foreign use of a nonce, no slot that was due is planned before a person has looked."""

from agent.adapters.memory import MemoryJournal
from agent.domain.lane_history import LANE_AHEAD, SKEW_S
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.doubt import doubted
from tests.builders import NOW
from tests.contract.journals import DAY_S, a_job, claimed, daily, sent, tell


async def test_other_slots_of_the_job_are_held_and_other_jobs_go_on() -> None:
    journal = MemoryJournal()
    first, other_job = await claimed(journal, a_job(), a_job("wages"))
    flying = await sent(journal, first)
    due, _ = await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)
    (third, _) = await journal.claim_due(Timestamp(NOW + 2 * DAY_S), 10, daily)
    await tell(journal, third, Event.HOLD, code="payee_blacklisted")

    await doubted(journal, flying, NOW, NOW)

    rows = {row.id: await journal.occurrence(row.id) for row in (flying, due, third, other_job)}
    assert [(row.state, row.code) for row in rows.values()] == [
        (State.SENT, ""),
        (State.HELD, LANE_AHEAD),
        (State.HELD, LANE_AHEAD),
        (State.CLAIMED, ""),
    ]
    assert rows[third.id].held_from is State.DUE


async def test_what_is_held_for_it_already_stays_as_it_is() -> None:
    journal = MemoryJournal()
    (first,) = await claimed(journal)
    flying = await sent(journal, first)
    (due,) = await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)
    await doubted(journal, flying, NOW, NOW)
    held = await journal.occurrence(due.id)

    await doubted(journal, flying, NOW, NOW)

    assert await journal.occurrence(due.id) == held


async def test_a_slot_that_comes_in_afterwards_is_held_as_far_as_it_may_be_paid() -> None:
    journal = MemoryJournal()
    (first,) = await claimed(journal, a_job())
    flying = await sent(journal, first)
    final = Timestamp(NOW + DAY_S - SKEW_S)

    await doubted(journal, flying, final, NOW)

    (paid_maybe,) = await journal.claim_due(Timestamp(NOW + 2 * DAY_S), 10, daily)
    (later,) = await journal.claim_due(Timestamp(NOW + 2 * DAY_S), 10, daily)
    assert (paid_maybe.state, paid_maybe.code) == (State.HELD, LANE_AHEAD)
    assert (later.state, later.code) == (State.DUE, "")
