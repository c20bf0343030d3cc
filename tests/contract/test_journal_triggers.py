"""Watched jobs in every journal: what they saw, and each firing once."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from agent.adapters.memory import MemoryJournal
from agent.adapters.sql import open_journal
from agent.domain.errors import StoreUnavailable
from agent.domain.firing import Firing, Seen
from agent.domain.hold import AccountScope, AllScope, ChainScope, Hold, JobScope, Scope, SessionScope
from agent.domain.journal import Enrolment
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.domain.watching import NO_MEMORY, Again, Firings
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.contract.journals import a_job, included, sent, tell

PEAK = 2**255 + 1
"""As wide as a price may be."""


def watched_job(job_id: str = "order", sessions: int = 1) -> Enrolment:
    """Return a job without a schedule that signs under so many sessions."""
    permissions = tuple(a_hash(9 + place) for place in range(sessions))
    return replace(a_job(job_id, sessions=permissions), cursor=None)


def what_was_seen(job_id: str = "order", **memory: int) -> Seen:
    """Return what a job saw at block 60."""
    return Seen(
        job_id, memory, 60, a_hash(60), {"peak": 1}, "crossed", "1999 is below 2000", again=Again(at_block=70)
    )


def a_firing(number: int = 1, job_id: str = "order", **memory: int) -> Firing:
    """Return a firing by number."""
    return Firing(what_was_seen(job_id, **memory), str(number), number, NOW, {"price": "1999"})


def a_log_firing(slot: str, job_id: str = "order") -> Firing:
    """Return a firing that its slot alone tells from others."""
    return Firing(what_was_seen(job_id), slot, None, NOW)


async def fired(journal: Journal, firing: Firing) -> Occurrence:
    """Return the occurrence of a firing that has to be taken."""
    (row,) = await journal.fire([firing], NOW)
    assert row is not None
    return row


class TestFiring:
    async def test_it_makes_the_occurrence_and_keeps_what_was_seen(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        row = await fired(journal, a_firing(peak=PEAK))
        assert (row.job_id, row.slot, row.ordinal, row.due_at) == ("order", "1", 1, NOW)
        assert (row.state, row.attempt, row.account) == (State.DUE, 0, ACCOUNT)
        assert row == await journal.occurrence(row.id)
        found = (await journal.triggers(["order"]))["order"]
        assert found.seen == what_was_seen(peak=PEAK)
        assert found.firings == Firings(count=1, open=1)
        await journal.verify()

    async def test_it_is_in_the_hash_chain_with_what_decided(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        row = await fired(journal, a_firing(armed=0))
        (entry,) = await journal.entries(row.id)
        assert (entry.event, entry.from_state, entry.to_state) == ("fire", "", "due")
        said = orjson.loads(entry.data)
        assert said["facts"] == {"price": "1999"}
        assert (said["slot"], said["memory"], said["code"]) == ("1", {"armed": "0"}, "crossed")
        assert said["block"] == [60, str(a_hash(60))]

    @pytest.mark.parametrize("name", ["operation", "spent", "failed_uses"])
    async def test_facts_may_have_any_name(self, journal: Journal, name: str) -> None:
        await journal.enroll([watched_job()], NOW)
        await fired(journal, replace(a_firing(), facts={name: "x\0"}))
        await journal.verify()

    @pytest.mark.parametrize("number", [0, 1, 3])
    async def test_a_number_that_is_not_the_next_changes_nothing(self, journal: Journal, number: int) -> None:
        await journal.enroll([watched_job()], NOW)
        await fired(journal, a_firing(armed=0))
        before = await journal.triggers(["order"])
        entries = await journal.entries()
        assert await journal.fire([a_firing(number, armed=1)], NOW) == (None,)
        assert await journal.triggers(["order"]) == before
        assert await journal.entries() == entries

    async def test_of_many_at_once_one_of_each_number_is_taken(self, journal: Journal) -> None:
        await journal.enroll([watched_job(), watched_job("stop")], NOW)
        answers = await asyncio.gather(
            *(journal.fire([a_firing(), a_firing(1, "stop")], NOW) for _ in range(5)),
        )
        taken = [row for rows in answers for row in rows if row is not None]
        assert sorted((row.job_id, row.slot) for row in taken) == [("order", "1"), ("stop", "1")]
        assert len({row.id for row in taken}) == 2

    async def test_a_refused_one_leaves_its_neighbours_alone(self, journal: Journal) -> None:
        await journal.enroll([watched_job(), watched_job("stop")], NOW)
        first, second = await journal.fire([a_firing(2), a_firing(1, "stop")], NOW)
        assert first is None
        assert second is not None
        assert second.job_id == "stop"

    async def test_a_log_fires_once_and_takes_the_next_number(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        rows = await journal.fire([a_log_firing("0xaa:0"), a_log_firing("0xaa:1")], NOW)
        assert [row and (row.slot, row.ordinal) for row in rows] == [("0xaa:0", 1), ("0xaa:1", 2)]
        again = await journal.fire([a_log_firing("0xaa:1"), a_log_firing("0xbb:0")], NOW)
        assert [row and (row.slot, row.ordinal) for row in again] == [None, ("0xbb:0", 3)]

    async def test_a_job_that_is_not_enrolled_does_not_fire(self, journal: Journal) -> None:
        assert await journal.fire([a_firing()], NOW) == (None,)
        assert await journal.triggers(["order"]) == {}

    async def test_the_firings_of_one_job_are_not_those_of_another(self, journal: Journal) -> None:
        await journal.enroll([a_job("rent"), watched_job()], NOW)
        await fired(journal, a_firing())
        assert (await journal.triggers(["rent"]))["rent"].firings == Firings()


class TestStopping:
    async def test_a_paused_job_does_not_fire_until_it_is_resumed(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        await journal.pause("order", "holiday", NOW)
        assert (await journal.triggers(["order"]))["order"].stopped == "paused"
        assert await journal.fire([a_firing()], NOW) == (None,)
        await journal.resume("order", NOW)
        assert (await journal.triggers(["order"]))["order"].stopped == ""
        await fired(journal, a_firing())

    async def test_a_job_that_left_the_files_does_not_fire(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        await journal.enroll([], NOW)
        assert await journal.fire([a_firing()], NOW) == (None,)

    @pytest.mark.parametrize(
        "scope", [AllScope(), ChainScope(CHAIN_ID), AccountScope(CHAIN_ID, ACCOUNT), JobScope("order")]
    )
    async def test_what_is_held_does_not_fire(self, journal: Journal, scope: Scope) -> None:
        await journal.enroll([watched_job()], NOW)
        await journal.hold(Hold(scope, "killed", "by hand", NOW))
        assert (await journal.triggers(["order"]))["order"].stopped == "killed"
        assert await journal.fire([a_firing()], NOW) == (None,)
        await journal.release_hold(scope, "killed", "", NOW)
        await fired(journal, a_firing())

    async def test_it_fires_while_one_of_its_sessions_is_free(self, journal: Journal) -> None:
        await journal.enroll([watched_job(sessions=2)], NOW)
        first, second = (SessionScope(CHAIN_ID, ACCOUNT, a_hash(seed)) for seed in (9, 10))
        await journal.hold(Hold(first, "drift", "changed on chain", NOW))
        await fired(journal, a_firing())
        await journal.hold(Hold(second, "drift", "changed on chain", NOW))
        assert await journal.fire([a_firing(2)], NOW) == (None,)

    async def test_a_hold_on_another_job_is_no_matter(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        await journal.hold(Hold(JobScope("rent"), "killed", "by hand", NOW))
        await fired(journal, a_firing())


class TestHowFiringsWent:
    async def test_an_included_one_is_open_and_has_succeeded(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        row = await tell(journal, await fired(journal, a_firing()), Event.CLAIM)
        row = await included(journal, await sent(journal, row))
        assert (await journal.triggers(["order"]))["order"].firings == Firings(1, open=1, succeeded=1)
        await tell(journal, row, Event.FINALIZE)
        ended = Firings(1, open=0, succeeded=1, last_ended_at=NOW, last_state=State.FINAL_OK)
        assert (await journal.triggers(["order"]))["order"].firings == ended

    async def test_the_newest_that_ended_counts(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        await tell(journal, await fired(journal, a_firing()), Event.SKIP)
        await tell(journal, await fired(journal, a_firing(2)), Event.GIVE_UP)
        await fired(journal, a_firing(3))
        firings = (await journal.triggers(["order"]))["order"].firings
        assert firings == Firings(3, open=1, last_ended_at=NOW, last_state=State.FAILED)

    async def test_a_held_one_is_open(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        await tell(journal, await fired(journal, a_firing()), Event.HOLD)
        assert (await journal.triggers(["order"]))["order"].firings == Firings(1, open=1)


class TestRemembering:
    async def test_a_job_that_saw_nothing_remembers_nothing(self, journal: Journal) -> None:
        await journal.enroll([watched_job()], NOW)
        found = (await journal.triggers(["order", "unknown"]))["order"]
        assert (found.seen, found.firings, found.stopped) == (Seen("order"), Firings(), "")
        assert found.seen.memory == NO_MEMORY

    async def test_the_last_word_is_kept_whole(self, journal: Journal) -> None:
        jobs = [watched_job(f"order-{number}") for number in range(600)]
        await journal.enroll(jobs, NOW)
        seen = [
            Seen(
                job.job_id,
                {"peak": PEAK, "armed": -1},
                60,
                a_hash(60),
                {"armed": 1},
                "stale",
                "its feed is old",
                alarm=True,
                again=Again(on_change=True, at_time=Timestamp(NOW + 5)),
                first_block=50,
                log_block=58,
            )
            for job in jobs
        ]
        await journal.remember([what_was_seen("order-0", peak=3)])
        await journal.remember(seen)
        found = await journal.triggers([job.job_id for job in jobs])
        assert [found[one.job_id].seen for one in seen] == seen

    async def test_who_does_not_know_of_the_newest_firing_overwrites_nothing(self, journal: Journal) -> None:
        jobs = [watched_job(name) for name in ("order", "other", "new")]
        await journal.enroll(jobs, NOW)
        await fired(journal, a_firing(peak=2))
        await fired(journal, a_firing(job_id="other", peak=2))
        stale = replace(what_was_seen(peak=1), fired=0)
        knowing = [
            replace(what_was_seen("other", peak=3), fired=1),
            replace(what_was_seen("new", peak=4), fired=0),
        ]

        await journal.remember([stale, *knowing])

        found = await journal.triggers([job.job_id for job in jobs])
        assert {name: row.seen.memory for name, row in found.items()} == {
            "order": {"peak": 2},
            "other": {"peak": 3},
            "new": {"peak": 4},
        }

    async def test_remembering_nothing_is_nothing(self, journal: Journal) -> None:
        await journal.remember([])
        assert await journal.entries() == ()


async def test_a_rehearsal_starts_where_the_firings_stand(journal: Journal) -> None:
    await journal.enroll([watched_job()], NOW)
    await tell(journal, await fired(journal, a_firing(peak=5)), Event.SKIP)
    rehearsed = await MemoryJournal.rehearsing(journal)
    assert await rehearsed.triggers(["order"]) == await journal.triggers(["order"])
    await fired(rehearsed, a_firing(2))
    assert len(await journal.occurrences()) == 1


async def test_what_fired_is_there_after_the_process_ended(sqlite_url: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await journal.enroll([watched_job()], NOW)
    row = await fired(journal, a_firing(peak=PEAK))
    await journal.close()
    reopened = open_journal(sqlite_url, exclusive=True)
    assert await reopened.occurrences() == (row,)
    assert (await reopened.triggers(["order"]))["order"].seen == what_was_seen(peak=PEAK)
    assert await reopened.fire([a_firing()], NOW) == (None,)
    await reopened.close()


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("UPDATE occurrences SET state = 'final_ok'", "run 1 is final_ok, not due"),
        ("DELETE FROM occurrences", "run 1 is missing"),
        ("UPDATE entries SET data = replace(data, '1999', '1998') WHERE event = 'fire'", "breaks the hash"),
    ],
)
async def test_a_firing_that_was_changed_is_found(sqlite_url: str, statement: str, match: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await journal.enroll([watched_job()], NOW)
    await fired(journal, a_firing())
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement).rowcount == 1
    with pytest.raises(StoreUnavailable, match=match):
        await journal.verify()
    await journal.close()
