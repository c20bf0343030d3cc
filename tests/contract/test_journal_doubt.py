"""What a lane did that a journal cannot assign: what comes in late and may be paid is held from the start."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.sql import open_journal
from agent.domain.errors import IllegalTransition, NotFound, StoreUnavailable
from agent.domain.firing import Firing
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.ports import Journal
from tests.builders import NOW
from tests.contract.journals import DAY_S, a_job, claimed, daily, tell
from tests.contract.test_journal_triggers import fired, watched_job, what_was_seen

LATER = Timestamp(NOW + 3 * DAY_S)


def a_late_firing(number: int, due_at: int) -> Firing:
    return Firing(what_was_seen(), f"log:{number}", None, Timestamp(due_at))


async def test_a_slot_that_was_due_before_is_held_and_a_later_one_is_not(journal: Journal) -> None:
    (first,) = await claimed(journal, a_job())
    told = await journal.doubt("rent", Timestamp(NOW + DAY_S), "sequence 1 is not ours", NOW)
    (doubtful,) = await journal.claim_due(LATER, 10, daily)
    (free,) = await journal.claim_due(LATER, 10, daily)

    assert told.doubtful_until == (await journal.job("rent")).doubtful_until == NOW + DAY_S
    assert await journal.occurrence(first.id) == first
    assert (doubtful.due_at, doubtful.state, doubtful.held_from) == (NOW + DAY_S, State.HELD, State.DUE)
    assert (doubtful.code, bool(doubtful.reason)) == (LANE_AHEAD, True)
    assert (free.due_at, free.state, free.code) == (NOW + 2 * DAY_S, State.DUE, "")
    assert await journal.occurrence(doubtful.id) == doubtful
    assert (await journal.occurrences((State.HELD,)))[0] == doubtful
    await journal.verify()


async def test_a_firing_that_is_heard_late_is_held(journal: Journal) -> None:
    await journal.enroll([watched_job()], NOW)
    await journal.doubt("order", NOW, "the lane is ahead", NOW)

    late = await fired(journal, a_late_firing(1, NOW))
    new = await fired(journal, a_late_firing(2, NOW + 1))

    assert (late.state, late.held_from, late.code) == (State.HELD, State.DUE, LANE_AHEAD)
    assert (new.state, new.held_from, new.code) == (State.DUE, None, "")
    assert await journal.occurrence(late.id) == late
    assert (await journal.entries(late.id))[0].to_state == "held"
    await journal.verify()


async def test_it_can_only_be_decided_by_a_person(journal: Journal) -> None:
    await claimed(journal, a_job())
    await journal.doubt("rent", LATER, "the lane is ahead", NOW)
    (held,) = await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)

    with pytest.raises(IllegalTransition):
        await tell(journal, held, Event.CLAIM)
    paid = await tell(journal, held, Event.RESOLVE_PAID, reason="seen on chain")

    assert paid.state is State.FINAL_OK
    await journal.verify()


async def test_an_earlier_time_changes_nothing_and_edits_keep_it(journal: Journal) -> None:
    await journal.enroll([a_job()], NOW)
    await journal.doubt("rent", LATER, "first", NOW)
    entries = await journal.entries()
    again = await journal.doubt("rent", Timestamp(LATER - 1), "second", NOW)
    assert again.doubtful_until == LATER
    assert await journal.entries() == entries

    await journal.enroll([replace(a_job(), definition_digest="edited")], NOW)
    await journal.pause("rent", "no money", NOW)
    assert (await journal.resume("rent", NOW)).doubtful_until == LATER
    assert entries[-1].event == "doubt"
    await journal.verify()


async def test_other_jobs_go_on(journal: Journal) -> None:
    await journal.enroll([a_job(), a_job("wages")], NOW)
    await journal.doubt("rent", LATER, "the lane is ahead", NOW)
    rows = await journal.claim_due(NOW, 10, daily)
    assert {row.job_id: row.state for row in rows} == {"rent": State.HELD, "wages": State.DUE}


async def test_a_job_that_is_not_known_is_refused(journal: Journal) -> None:
    with pytest.raises(NotFound):
        await journal.doubt("rent", LATER, "the lane is ahead", NOW)


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE lanes SET doubtful_until = 0", "until when the lane of job rent is doubtful was changed"),
        ("UPDATE occurrences SET held_from = 'sent' WHERE state = 'held'", "held_from of run 2 is sent"),
    ],
)
async def test_what_was_changed_is_found(sqlite_url: str, statement: str, match: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await claimed(journal, a_job())
    await journal.doubt("rent", LATER, "the lane is ahead", NOW)
    await journal.claim_due(Timestamp(NOW + DAY_S), 10, daily)
    await journal.verify()
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement).rowcount == 1
    with pytest.raises(StoreUnavailable, match=match):
        await journal.verify()
    await journal.close()
