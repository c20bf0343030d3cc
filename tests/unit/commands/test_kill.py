"""A kill is in force before anybody waits; who acknowledged it is told as it is."""

import time
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

import agent.commands.kill as killing
from agent.adapters.kill_file import KillFile
from agent.adapters.memory import MemoryJournal
from agent.commands.kill import Answer, StoreDoor, kill
from agent.commands.session_release import NoReason
from agent.commands.unkill import unkill
from agent.domain.errors import NotFound, StoreUnavailable
from agent.domain.hold import AllScope, ChainScope, Hold, JobScope, SessionScope
from agent.domain.kill import ACKNOWLEDGED, KILLED, KillOrder
from agent.domain.units import ChainId, Timestamp
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash

ALL, RENT = KillOrder(AllScope(), "1", "looks wrong"), KillOrder(JobScope("rent"), "2", "too")
PATIENT_S = 60
"""To wait for an answer that comes."""
SHORT_S = 0.1
"""To wait for one that never comes."""


async def now() -> Timestamp:
    return NOW


class Store:
    """A store and who has it."""

    def __init__(self, worker: str | None = None, *, shared: bool = False, is_there: bool = True) -> None:
        self.journal, self.worker, self.unlocked = MemoryJournal(), worker, Event()
        self.unlocked.set()
        self.asked = 0
        self.door = StoreDoor(is_there, shared, self.who, self.open)

    def who(self) -> str | None:
        """Say which worker has it."""
        self.asked += 1
        return self.worker

    def open(self) -> Journal:
        """Open it, as soon as nobody has it locked."""
        if not self.unlocked.wait(60):
            raise StoreUnavailable("locked")
        return self.journal


def count_looks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time go by with each look at the worker alone: what the disk takes would leave none for a look."""
    looks = SimpleNamespace(monotonic=lambda: store.asked, sleep=time.sleep)
    monkeypatch.setattr(killing, "time", looks)


@pytest.fixture
def switch(tmp_path: Path) -> KillFile:
    return KillFile(tmp_path / "state" / "journal.db.kill")


async def test_no_worker_means_nobody_can_send(switch: KillFile) -> None:
    store = Store()
    done = kill(switch, store.door, [ALL], now, timeout_s=PATIENT_S)
    assert (done.answer, done.journaled, done.orders) == (Answer.NOBODY, True, (ALL,))
    assert switch.orders() == (ALL,)
    (hold,) = await store.journal.holds()
    assert (hold.scope, hold.code, hold.subject, hold.at) == (AllScope(), KILLED, "1", NOW)


def test_a_worker_answers_in_the_file(switch: KillFile) -> None:
    def worker() -> None:
        while not (orders := switch.orders()):
            time.sleep(0.001)
        switch.acknowledge([order.id for order in orders])

    Thread(target=worker).start()
    done = kill(switch, Store("process 7").door, [ALL, RENT], now, timeout_s=PATIENT_S)
    assert done.answer is Answer.WORKER


async def test_a_worker_elsewhere_answers_in_the_journal(switch: KillFile) -> None:
    store = Store("database process 7 from 10.0.0.9", shared=True)
    await store.journal.hold(Hold(AllScope(), KILLED, "before", NOW, "0"))
    await store.journal.hold(Hold(AllScope(), ACKNOWLEDGED, "it has nothing", NOW, "0"))
    assert kill(switch, store.door, [ALL], now, timeout_s=PATIENT_S).answer is Answer.WORKER


async def test_the_answer_to_an_older_kill_is_none(switch: KillFile) -> None:
    store = Store("process 7", shared=True)
    await store.journal.hold(Hold(AllScope(), ACKNOWLEDGED, "left over", NOW, "0"))
    switch.place.parent.mkdir()
    switch.acknowledge(["0"])
    assert kill(switch, store.door, [ALL], now, SHORT_S).answer is Answer.SILENT


def test_a_worker_that_hangs_is_named(switch: KillFile, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store("process 7")
    count_looks(store, monkeypatch)
    done = kill(switch, store.door, [ALL], now, timeout_s=3)
    assert (done.answer, done.worker, switch.orders()) == (Answer.SILENT, "process 7", (ALL,))


def test_a_worker_that_ends_meanwhile_sends_nothing_any_more(switch: KillFile) -> None:
    store = Store("process 7")

    def end() -> None:
        while not switch.orders():
            time.sleep(0.001)
        store.worker = None

    Thread(target=end).start()
    assert kill(switch, store.door, [ALL], now, timeout_s=PATIENT_S).answer is Answer.NOBODY


def test_a_store_that_is_locked_keeps_nobody_from_stopping(
    switch: KillFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    store.unlocked.clear()
    count_looks(store, monkeypatch)
    done = kill(switch, store.door, [ALL], now, timeout_s=1)
    store.unlocked.set()
    assert (done.answer, done.journaled, switch.orders()) == (Answer.NOBODY, False, (ALL,))


def test_a_shared_store_that_is_locked_leaves_open_who_sends(switch: KillFile) -> None:
    store = Store(shared=True)
    store.unlocked.clear()
    done = kill(switch, store.door, [ALL], now, SHORT_S)
    store.unlocked.set()
    assert (done.answer, done.journaled) == (Answer.SILENT, False)


async def test_a_file_that_cannot_be_written_leaves_the_journal(switch: KillFile) -> None:
    switch.place.parent.touch()
    store = Store()
    done = kill(switch, store.door, [ALL], now, timeout_s=PATIENT_S)
    assert (done.answer, done.journaled) == (Answer.NOBODY, True)
    assert "cannot be written" in done.problems[0]


def test_with_neither_file_nor_store_nothing_is_killed_and_that_is_said(switch: KillFile) -> None:
    switch.place.parent.touch()
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        kill(switch, Store(is_there=False).door, [ALL], now, SHORT_S)


class TestUnkill:
    async def test_what_was_killed_is_let_go_and_kept_in_the_journal(self, switch: KillFile) -> None:
        journal = MemoryJournal()
        switch.add([ALL, RENT])
        await journal.hold(Hold(AllScope(), KILLED, "looks wrong", NOW, "1"))
        await journal.hold(Hold(AllScope(), ACKNOWLEDGED, "nothing", NOW, "1"))
        done = await unkill(switch, journal, [AllScope()], (), "all is well", NOW)

        assert done.orders == (ALL,)
        assert switch.orders() == (RENT,)
        assert await journal.holds() == ()
        assert {hold.release_reason for hold in done.released} == {"all is well"}

    async def test_what_stood_in_the_file_alone_is_journaled_too(self, switch: KillFile) -> None:
        journal = MemoryJournal()
        switch.add([RENT])
        await unkill(switch, journal, [RENT.scope], (), "all is well", NOW)
        assert [entry.event for entry in await journal.entries()] == ["hold_scope", "release_scope"]

    async def test_a_breaker_is_reset(self, switch: KillFile) -> None:
        journal = MemoryJournal()
        await journal.hold(Hold(ChainScope(ChainId(10)), "breaker_fees", "40 gwei", NOW))
        await unkill(switch, journal, [ChainScope(ChainId(10))], (), "fees are back", NOW)
        assert await journal.holds() == ()

    async def test_other_holds_have_to_be_named(self, switch: KillFile) -> None:
        journal, session = MemoryJournal(), SessionScope(CHAIN_ID, ACCOUNT, a_hash(9))
        await journal.hold(Hold(session, "session_widened", "an action", NOW))
        await journal.hold(Hold(session, KILLED, "looks wrong", NOW))
        await unkill(switch, journal, [session], (), "all is well", NOW)
        assert [hold.code for hold in await journal.holds()] == ["session_widened"]
        await unkill(switch, journal, [session], ["session_widened"], "looked at it", NOW)
        assert await journal.holds() == ()

    async def test_it_needs_a_reason(self, switch: KillFile) -> None:
        switch.add([ALL])
        with pytest.raises(NoReason):
            await unkill(switch, MemoryJournal(), [AllScope()], (), " ", NOW)
        assert switch.orders() == (ALL,)

    async def test_what_is_not_stopped_is_told_with_what_is(self, switch: KillFile) -> None:
        switch.add([RENT])
        with pytest.raises(NotFound, match=r"none of all is stopped; in force: job:rent killed"):
            await unkill(switch, MemoryJournal(), [AllScope()], (), "all is well", NOW)
