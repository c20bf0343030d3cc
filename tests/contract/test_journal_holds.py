"""Holds of every scope, what they refuse, and what outlives a restart."""

import pytest

from agent.adapters.memory import MemoryJournal
from agent.adapters.sql import open_journal
from agent.domain.errors import Held, NotFound, StoreUnavailable
from agent.domain.hold import AccountScope, AllScope, ChainScope, Hold, JobScope, Scope, SessionScope
from agent.domain.journal import Enrolment
from agent.domain.occurrence import Nonce
from agent.domain.states import Event, State
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.contract.journals import a_job, claimed, included, plan, sent, sign, tell
from tests.contract.test_journal_sqlite import change

MINE = a_hash(9)
"""The permission id that `a_signed` signs under."""
SESSION = SessionScope(CHAIN_ID, ACCOUNT, MINE)
ELSEWHERE = Address(bytes(19) + b"\xcc")
SCOPES = [JobScope("rent"), SESSION, AccountScope(CHAIN_ID, ACCOUNT), ChainScope(CHAIN_ID), AllScope()]
OTHERS = [
    JobScope("gym"),
    SessionScope(CHAIN_ID, ELSEWHERE, MINE),
    SessionScope(CHAIN_ID, ACCOUNT, a_hash(8)),
    AccountScope(CHAIN_ID, ELSEWHERE),
    ChainScope(ChainId(10)),
]


def a_hold(scope: Scope = SESSION, code: str = "session_removed", subject: str = "") -> Hold:
    return Hold(scope, code, "it is gone", NOW, subject)


def under(*sessions: Hash32, name: str = "rent") -> Enrolment:
    return a_job(name, sessions=sessions or (MINE,))


async def release(journal: Journal, hold: Hold) -> Hold:
    return await journal.release_hold(hold.scope, hold.code, "looked at it", Timestamp(NOW + 5))


class TestHolding:
    @pytest.mark.parametrize("scope", SCOPES, ids=str)
    async def test_what_is_held_plans_signs_and_sends_nothing(self, journal: Journal, scope: Scope) -> None:
        (row,) = await claimed(journal, under())
        await journal.hold(a_hold(scope))

        with pytest.raises(Held, match="session_removed"):
            await plan(journal, row)
        await release(journal, a_hold(scope))
        planned = await plan(journal, row)
        await journal.hold(a_hold(scope))
        with pytest.raises(Held, match="it is gone"):
            await sign(journal, planned)
        await release(journal, a_hold(scope))
        signed = await sign(journal, planned)
        await journal.hold(a_hold(scope))
        with pytest.raises(Held) as refused:
            await tell(journal, signed, Event.SEND)

        assert (refused.value.scope, refused.value.hold_code) == (str(scope), "session_removed")
        assert (await journal.occurrence(row.id)).state is State.SIGNED

    @pytest.mark.parametrize("scope", OTHERS, ids=str)
    async def test_what_others_are_held_for_is_not_its_concern(self, journal: Journal, scope: Scope) -> None:
        (row,) = await claimed(journal, under())
        await journal.hold(a_hold(scope))
        assert (await sent(journal, row)).state is State.SENT

    async def test_what_is_in_flight_is_followed_to_its_end(self, journal: Journal) -> None:
        (row,) = await claimed(journal, under())
        flying = await sent(journal, row)
        await journal.hold(a_hold())
        landed = await included(journal, flying)
        assert (await tell(journal, landed, Event.FINALIZE)).state is State.FINAL_OK

    async def test_a_job_may_go_on_under_its_other_session(self, journal: Journal) -> None:
        (row,) = await claimed(journal, under(MINE, a_hash(8)))
        await journal.hold(a_hold(SessionScope(CHAIN_ID, ACCOUNT, a_hash(8))))
        job = await journal.job("rent")

        with pytest.raises(Held):
            await plan(journal, row)
        nonce = Nonce(job.enrolment.nonce_key, job.next_sequence)
        planned = await tell(journal, row, Event.PLAN, nonce=nonce, permission_id=MINE)

        assert (await sign(journal, planned)).state is State.SIGNED

    async def test_a_job_that_signs_under_another_session_is_known_to(self, journal: Journal) -> None:
        await journal.enroll([under(MINE)], NOW)
        (row,) = await journal.enroll([under(a_hash(8))], NOW)
        assert row.enrolment.sessions == (a_hash(8),)
        assert (await journal.job("rent")).enrolment.sessions == (a_hash(8),)

    async def test_a_hold_stays_as_it_began(self, journal: Journal) -> None:
        first = await journal.hold(a_hold(subject="one"))
        assert await journal.hold(a_hold(subject="two")) == first
        assert await journal.holds() == (first,)
        assert len(await journal.entries()) == 1

    async def test_every_cause_is_let_go_by_itself(self, journal: Journal) -> None:
        (row,) = await claimed(journal, under())
        widened = await journal.hold(a_hold(code="session_widened"))
        removed = await journal.hold(a_hold())
        await release(journal, removed)
        with pytest.raises(Held, match="session_widened"):
            await plan(journal, row)
        assert await journal.holds() == (widened,)

    async def test_a_release_keeps_who_said_what(self, journal: Journal) -> None:
        await journal.hold(a_hold(subject="0xabc"))
        done = await journal.release_hold(SESSION, "session_removed", "granted anew", NOW, accepted=True)
        assert done == Hold(
            SESSION, "session_removed", "it is gone", NOW, "0xabc", NOW, "granted anew", accepted=True
        )
        assert await journal.holds() == ()
        assert await journal.holds(active_only=False) == (done,)
        with pytest.raises(NotFound, match="session_removed"):
            await release(journal, a_hold())

    async def test_what_was_let_go_may_be_held_anew(self, journal: Journal) -> None:
        await journal.hold(a_hold())
        await release(journal, a_hold())
        again = await journal.hold(a_hold(subject="again"))
        assert await journal.holds() == (again,)

    async def test_holds_and_releases_are_in_the_hash_chain(self, journal: Journal) -> None:
        await journal.hold(a_hold())
        await release(journal, a_hold())
        await journal.verify()
        assert [entry.event for entry in await journal.entries()] == ["hold_scope", "release_scope"]

    async def test_a_rehearsal_is_held_too(self, journal: Journal) -> None:
        (row,) = await claimed(journal, under())
        await journal.hold(a_hold())
        rehearsal = await MemoryJournal.rehearsing(journal)
        with pytest.raises(Held):
            await plan(rehearsal, row)


async def test_a_hold_survives_a_restart(sqlite_url: str) -> None:
    before = open_journal(sqlite_url, exclusive=True)
    (row,) = await claimed(before, under())
    await before.hold(a_hold())
    await before.close()

    after = open_journal(sqlite_url, exclusive=True)
    with pytest.raises(Held):
        await plan(after, row)
    await after.verify()
    await after.close()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM holds", "UPDATE holds SET released_at = 1"], ids=["deleted", "released"]
)
async def test_a_hold_that_was_taken_away_by_hand_is_found(sqlite_url: str, statement: str) -> None:
    journal = open_journal(sqlite_url, exclusive=True)
    await journal.hold(a_hold())
    change(sqlite_url, statement)
    with pytest.raises(StoreUnavailable, match="the hold session_removed"):
        await journal.verify()
    await journal.close()
