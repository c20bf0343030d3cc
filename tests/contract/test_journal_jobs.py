"""Jobs in every journal: enrolled, claimed, paused."""

import asyncio
from dataclasses import replace

import pytest

from agent.domain.errors import (
    ConfigError,
    JobPaused,
    NotFound,
)
from agent.domain.journal import Armed, JobCursor, JobRow, NewOccurrence
from agent.domain.states import Event, State
from agent.domain.units import Address, ChainId, Timestamp
from agent.ports import Journal
from tests.builders import NOW
from tests.contract.journals import (
    DAY_S,
    a_change,
    a_job,
    claimed,
    daily,
    plan,
    sign,
    tell,
)

OTHER_ACCOUNT = Address(bytes(19) + b"\xcc")


class TestEnrolling:
    async def test_a_new_job_starts_at_sequence_zero_and_at_its_cursor(self, journal: Journal) -> None:
        (row,) = await journal.enroll([a_job()], NOW)
        assert JobRow(a_job(), active=True, paused=False, pause_reason="", next_sequence=0) == row
        assert (row,) == await journal.jobs()
        assert row == await journal.job("rent")

    async def test_a_nonce_key_of_192_bits_comes_back_whole(self, journal: Journal) -> None:
        await journal.enroll([a_job(lane=2**192 - 1)], NOW)
        assert (await journal.job("rent")).enrolment.nonce_key == 2**192 - 1

    async def test_a_job_that_is_not_listed_goes_inactive_and_keeps_its_row(self, journal: Journal) -> None:
        await journal.enroll([a_job("rent"), a_job("gym")], NOW)
        await journal.enroll([a_job("rent")], NOW)
        assert [row.enrolment.job_id for row in await journal.jobs()] == ["rent"]
        assert [row.enrolment.job_id for row in await journal.jobs(active_only=False)] == ["gym", "rent"]

    async def test_a_job_that_comes_back_goes_on_where_it_was(self, journal: Journal) -> None:
        await claimed(journal)
        await journal.enroll([], NOW)
        (row,) = await journal.enroll([a_job()], NOW)
        assert row.active
        assert row.enrolment.cursor == JobCursor("2", 2, Timestamp(NOW + DAY_S))

    async def test_the_same_definition_keeps_the_cursor(self, journal: Journal) -> None:
        await claimed(journal)
        (row,) = await journal.enroll([a_job(slot="7")], NOW)
        assert row.enrolment.cursor == JobCursor("2", 2, Timestamp(NOW + DAY_S))

    async def test_an_edited_definition_takes_the_cursor_given(self, journal: Journal) -> None:
        await claimed(journal)
        (row,) = await journal.enroll([a_job(definition="edited", slot="7")], NOW)
        assert row.enrolment.cursor == JobCursor("7", 7, NOW)

    async def test_a_slot_that_was_claimed_is_not_claimed_again_after_an_edit(self, journal: Journal) -> None:
        await claimed(journal)
        await journal.enroll([a_job(definition="edited", slot="1")], NOW)
        assert await journal.claim_due(NOW, 10, daily) == ()
        assert [row.slot for row in await journal.occurrences()] == ["1"]
        assert (await journal.job("rent")).enrolment.cursor == JobCursor("2", 2, Timestamp(NOW + DAY_S))

    async def test_every_changed_identity_is_named_at_once(self, journal: Journal) -> None:
        before = await journal.enroll([a_job("rent"), a_job("gym")], NOW)
        edited = [
            a_job("rent", identity="other"),
            a_job("gym", account=OTHER_ACCOUNT),
            a_job("new"),
        ]
        with pytest.raises(ConfigError, match=r"rent has another account, .*gym has another"):
            await journal.enroll(edited, NOW)
        assert sorted(before, key=lambda row: row.enrolment.job_id) == list(
            await journal.jobs(active_only=False)
        )

    async def test_two_jobs_of_one_lane_are_refused_with_both_names(self, journal: Journal) -> None:
        with pytest.raises(ConfigError, match="jobs rent and gym share nonce key 0x5"):
            await journal.enroll([a_job("rent", lane=5), a_job("gym", lane=5)], NOW)

    async def test_a_lane_stays_its_jobs_after_the_job_is_gone(self, journal: Journal) -> None:
        await journal.enroll([a_job("rent", lane=5)], NOW)
        with pytest.raises(ConfigError, match="jobs rent and gym share"):
            await journal.enroll([a_job("gym", lane=5)], NOW)

    async def test_a_job_listed_twice_is_refused(self, journal: Journal) -> None:
        with pytest.raises(ConfigError, match="rent is listed twice"):
            await journal.enroll([a_job(), a_job()], NOW)

    async def test_one_lane_number_may_serve_two_accounts(self, journal: Journal) -> None:
        await journal.enroll([a_job("rent", lane=5), a_job("gym", lane=5, account=OTHER_ACCOUNT)], NOW)
        assert len(await journal.jobs()) == 2


class TestClaiming:
    async def test_due_jobs_become_occurrences_and_their_cursors_move(self, journal: Journal) -> None:
        await journal.enroll([a_job("rent"), a_job("gym", due_at=NOW + 1)], NOW)
        (row,) = await journal.claim_due(NOW, 10, daily)
        assert (
            row.job_id,
            row.slot,
            row.ordinal,
            row.due_at,
            row.state,
            row.attempt,
        ) == ("rent", "1", 1, NOW, State.DUE, 0)
        assert row == await journal.occurrence(row.id)
        assert await journal.claim_due(NOW, 10, daily) == ()

    async def test_the_longest_due_come_first_within_the_limit(self, journal: Journal) -> None:
        await journal.enroll(
            [a_job("a", due_at=NOW), a_job("b", due_at=NOW - 5), a_job("c", due_at=NOW)], NOW
        )
        assert [row.job_id for row in await journal.claim_due(NOW, 2, daily)] == ["b", "a"]
        assert [row.job_id for row in await journal.claim_due(NOW, 2, daily)] == ["c"]

    async def test_a_missed_slot_is_kept_as_skipped_with_its_reason(self, journal: Journal) -> None:
        def arm(job: JobRow) -> Armed:
            missed = NewOccurrence("0", 0, Timestamp(NOW - DAY_S), State.SKIPPED, "missed", "was off")
            return Armed((missed, *daily(job).occurrences), None)

        await journal.enroll([a_job()], NOW)
        skipped, due = await journal.claim_due(NOW, 10, arm)
        assert (skipped.state, skipped.code, skipped.reason) == (
            State.SKIPPED,
            "missed",
            "was off",
        )
        assert due.state is State.DUE
        assert (await journal.job("rent")).enrolment.cursor is None

    async def test_a_paused_job_is_not_claimed_until_it_is_resumed(self, journal: Journal) -> None:
        await journal.enroll([a_job()], NOW)
        paused = await journal.pause("rent", "holiday", NOW)
        assert (paused.paused, paused.pause_reason) == (True, "holiday")
        assert await journal.claim_due(NOW, 10, daily) == ()
        resumed = await journal.resume("rent", NOW)
        assert (resumed.paused, resumed.pause_reason) == (False, "")
        assert len(await journal.claim_due(NOW, 10, daily)) == 1

    async def test_a_paused_job_plans_signs_and_sends_nothing(self, journal: Journal) -> None:
        gym, rent = await claimed(journal, a_job("gym"), a_job("rent"))
        signed = await sign(journal, await plan(journal, gym))
        for job_id in ("rent", "gym"):
            await journal.pause(job_id, "holiday", NOW)

        with pytest.raises(JobPaused, match="rent"):
            await plan(journal, rent)
        with pytest.raises(JobPaused, match="gym"):
            await tell(journal, signed, Event.SEND)
        await journal.resume("gym", NOW)

        assert (await tell(journal, signed, Event.SEND)).state is State.SENT

    async def test_an_inactive_job_is_not_claimed(self, journal: Journal) -> None:
        await journal.enroll([a_job()], NOW)
        await journal.enroll([], NOW)
        assert await journal.claim_due(NOW, 10, daily) == ()

    async def test_a_schedule_that_fails_spoils_nothing(self, journal: Journal) -> None:
        await journal.enroll([a_job()], NOW)
        with pytest.raises(ZeroDivisionError):
            await journal.claim_due(NOW, 10, lambda _: 1 // 0)  # type: ignore[arg-type,return-value] # is the point
        assert len(await journal.claim_due(NOW, 10, daily)) == 1
        await journal.verify()

    async def test_concurrent_claims_share_the_jobs_out(self, journal: Journal) -> None:
        await journal.enroll([a_job(f"job-{number}") for number in range(40)], NOW)
        batches = await asyncio.gather(*(journal.claim_due(NOW, 10, daily) for _ in range(6)))
        assert [len(batch) for batch in batches] == [10, 10, 10, 10, 0, 0]
        assert len({row.job_id for batch in batches for row in batch}) == 40

    async def test_each_who_asks_at_once_is_given_his_own_job(self, journal: Journal) -> None:
        rows = await journal.enroll([a_job(f"job-{number}") for number in range(40)], NOW)
        wanted = [row.enrolment.job_id for row in rows] * 2
        found = await asyncio.gather(*map(journal.job, (*wanted, "gone")), return_exceptions=True)
        assert [*rows, *rows] == found[:-1]
        assert isinstance(found[-1], NotFound)

    async def test_an_unknown_job_is_named(self, journal: Journal) -> None:
        for asked in (journal.pause("gone", "", NOW), journal.resume("gone", NOW), journal.job("gone")):
            with pytest.raises(NotFound, match="gone"):
                await asked


async def test_runs_are_found_by_chain_and_by_when_they_changed(journal: Journal) -> None:
    there = replace(a_job("there"), chain_id=ChainId(5))
    mine, other = await claimed(journal, a_job("here"), there)
    later = await journal.record(replace(a_change(mine, Event.POSTPONE), at=Timestamp(NOW + 9)))

    assert await journal.occurrences(chain_id=ChainId(5)) == (other,)
    assert await journal.occurrences(since=Timestamp(NOW + 9)) == (later,)
    assert await journal.occurrences(since=Timestamp(NOW + 10)) == ()
    assert await journal.occurrences(chain_id=ChainId(5), since=NOW) == (other,)
