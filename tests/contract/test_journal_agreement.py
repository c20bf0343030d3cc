"""Random stories: SQLite and memory agree on every answer, every row and every digest."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.adapters.memory import MemoryJournal
from agent.adapters.sql import open_journal
from agent.domain.errors import AgentError
from agent.domain.firing import Firing, Seen
from agent.domain.hold import AccountScope, AllScope, ChainScope, Epoch, Hold, JobScope, Scope, SessionScope
from agent.domain.job_caps import JobCapKey
from agent.domain.journal import Change, Reservation
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.states import Event
from agent.domain.units import UINT256_MAX, Timestamp
from agent.ports import Journal
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash
from tests.contract.journals import DAY_S, a_job, a_signed, daily, seen

JOBS = ("gym", "rent", "water")
AMOUNTS = (0, 1, 40, 61, UINT256_MAX)
SESSION = SessionScope(CHAIN_ID, ACCOUNT, a_hash(9))
SCOPES = (JobScope("gym"), SESSION, AccountScope(CHAIN_ID, ACCOUNT), ChainScope(CHAIN_ID), AllScope())
CAP = str(JobCapKey("rent", "paid_in_all"))
LIMIT = f"{CHAIN_ID}/{SESSION.permission_id}/0/0/usdc"
SIGNING = (Event.SIGN, Event.RAISE)
T = TypeVar("T")
Ask = Callable[[Journal], Awaitable[object]]


class Stories(RuleBasedStateMachine):
    """Tells both journals the same and compares what they say."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.now = NOW
        self.seed = 0
        self.rows: list[Occurrence] = []

    @initialize()
    def open(self) -> None:
        path = Path(self.folder.name) / "journal.db"
        shutil.copy(self.template, path)
        self.journals: tuple[Journal, Journal] = (
            MemoryJournal(),
            open_journal(f"sqlite:///{path}", exclusive=True),
        )

    @rule(names=st.sets(st.sampled_from(JOBS)), definition=st.sampled_from(["one", "two"]))
    def enroll(self, names: set[str], definition: str) -> None:
        jobs = [
            a_job(name, definition=definition, due_at=self.now, sessions=(SESSION.permission_id,))
            for name in sorted(names)
        ]
        self.tell(lambda journal: journal.enroll(jobs, self.now))

    @rule(days=st.integers(0, 3), limit=st.integers(1, 3))
    def claim(self, days: int, limit: int) -> None:
        self.now = Timestamp(self.now + days * DAY_S)
        self.tell(lambda journal: journal.claim_due(self.now, limit, daily))

    @rule(name=st.sampled_from(JOBS), paused=st.booleans())
    def pause(self, name: str, *, paused: bool) -> None:
        if paused:
            self.tell(lambda journal: journal.pause(name, "by hand", self.now))
        else:
            self.tell(lambda journal: journal.resume(name, self.now))

    @rule(name=st.sampled_from(JOBS), days=st.integers(-1, 4))
    def doubt(self, name: str, days: int) -> None:
        until = Timestamp(self.now + days * DAY_S)
        self.tell(lambda journal: journal.doubt(name, until, "not ours", self.now))

    @rule(scope=st.sampled_from(SCOPES), held=st.booleans())
    def hold(self, scope: Scope, *, held: bool) -> None:
        if held:
            self.tell(lambda journal: journal.hold(Hold(scope, "why", "by hand", self.now)))
        else:
            self.tell(lambda journal: journal.release_hold(scope, "why", "by hand", self.now))

    @rule(number=st.integers(1, 3), block=st.integers(59, 61))
    def watch(self, number: int, block: int) -> None:
        self.tell(
            lambda journal: journal.watch(CHAIN_ID, block, [Epoch(SESSION, number, block, 0)], self.now)
        )

    @rule(names=st.lists(st.sampled_from(JOBS), min_size=1, max_size=3), number=st.integers(0, 3))
    def fire(self, names: list[str], number: int) -> None:
        firings = [
            Firing(Seen(name, {"n": number}, self.now), str(number or self.now), number or None, self.now)
            for name in names
        ]
        self.tell(lambda journal: journal.fire(firings, self.now))

    @rule(event=st.sampled_from(Event), data=st.data())
    def change(self, event: Event, data: st.DataObject) -> None:
        """Try one event, likely or not, on one occurrence."""
        if self.rows:
            row = data.draw(st.sampled_from(self.rows))
            self.apply(row, event, data)

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Take one occurrence on the way to its end."""
        ways = [Event.CLAIM, Event.PLAN, Event.SIGN, Event.SEND, Event.SEE_OK, Event.SEE_FAIL, Event.FINALIZE]
        if self.rows:
            row = data.draw(st.sampled_from(self.rows))
            for event in ways:
                self.apply(row, event, data)
                row = next(new for new in self.rows if new.id == row.id)

    def apply(self, row: Occurrence, event: Event, data: st.DataObject) -> None:
        change = self.a_change(row, event, data)
        if event not in SIGNING:
            self.tell(lambda journal: journal.record(change))
            return
        self.seed += data.draw(st.sampled_from([0, 1, 1, 1]))
        signed = a_signed(row, self.seed + 1)
        self.tell(lambda journal: journal.append(signed, change))

    def a_change(self, row: Occurrence, event: Event, data: st.DataObject) -> Change:
        block = data.draw(st.integers(59, 61))
        parts: dict[str, Any] = {"code": data.draw(st.sampled_from(["", "why", CANCEL_ASKED]))}
        if event is Event.PLAN:
            job = self.ask(self.journals[0].job(row.job_id))
            parts["nonce"] = Nonce(job.enrolment.nonce_key, job.next_sequence)
        if event in (Event.PLAN, Event.RAISE):
            amount = data.draw(st.sampled_from(AMOUNTS))
            parts["reservations"] = data.draw(
                st.sampled_from([None, (), (Reservation(LIMIT, amount, 100, 0, block),)])
            )
        if event in (Event.SEE_OK, Event.SEE_FAIL):
            shown = row.user_op_hash or a_hash(1)
            parts["inclusion"] = seen(
                shown, success=event is Event.SEE_OK, block=data.draw(st.integers(59, 61))
            )
        if event in (Event.RESOLVE_PAID, Event.SEE_FOREIGN):
            parts["lane_next"] = data.draw(st.sampled_from([None, 0, 3, 2**64 - 1]))
            amount = data.draw(st.sampled_from(AMOUNTS[:-1]))
            parts["lane_uses"] = data.draw(st.sampled_from([(), (Reservation(CAP, amount, 100, 0, 0),)]))
        return Change(row.id, row.version, event, self.now, **parts)

    def tell(self, ask: Ask) -> None:
        answers = [self.ask(self.answer(ask(journal))) for journal in self.journals]
        assert answers[0] == answers[1]
        self.rows = list(self.ask(self.journals[0].occurrences()))

    async def answer(self, asked: Awaitable[object]) -> object:
        try:
            return await asked
        except AgentError as error:
            return type(error), str(error)

    def ask(self, asked: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await asked

        return self.runner.run(awaited())

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "journals"):
            return
        questions: list[Ask] = [
            lambda journal: journal.occurrences(),
            lambda journal: journal.jobs(active_only=False),
            lambda journal: journal.reserved(),
            lambda journal: journal.spent(),
            lambda journal: journal.reserved({CHAIN_ID: 60}),
            lambda journal: journal.holds(active_only=False),
            lambda journal: journal.burned(),
            lambda journal: journal.watched(CHAIN_ID),
            lambda journal: journal.entries(),
            lambda journal: journal.triggers(JOBS),
            *(lambda journal, row=row: journal.operations(row.id) for row in self.rows),
            lambda journal: journal.operations_of([row.id for row in self.rows]),
        ]
        for question in questions:
            memory, sqlite = (self.ask(question(journal)) for journal in self.journals)
            assert memory == sqlite

    def teardown(self) -> None:
        if hasattr(self, "journals"):
            for journal in self.journals:
                self.ask(journal.verify())
                self.ask(journal.close())
        self.runner.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_sqlite_and_memory_agree_on_every_story(sqlite_template: Path) -> None:
    Stories.template = sqlite_template
    run_state_machine_as_test(
        Stories,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
