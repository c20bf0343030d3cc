"""What is sent for a run that is out of sight, and what is not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import FeeAboveCap
from agent.domain.job import FeeCaps
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import Accepted, RejectedAnswer, SendAnswer
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline import go_on as going
from agent.pipeline.cancel import NoCancel
from agent.pipeline.context import JobContext, Services
from agent.pipeline.go_on import SPENT, OutOfSight, go_on
from agent.pipeline.refusal import NotNow
from agent.pipeline.replan import PlansRefused
from agent.ports import Bundler
from tests.builders import NOW, a_hash
from tests.contract.journals import a_change, a_signed, claimed, sent, tell
from tests.unit.pipeline.lane_chain import a_definition

REVERTED = RejectedAnswer(-32521, "execution reverted")
DEADLINE = Timestamp(NOW + 60)


class StillClock:
    """A clock that stands just after the run was due."""

    async def now(self) -> Timestamp:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Sink:
    """A bundler that keeps what it gets."""

    name = "sink"

    def __init__(self, answer: SendAnswer) -> None:
        self.answer, self.got = answer, list[JournaledOperation]()

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        self.got.append(operation)
        return self.answer


class Stage:
    """A run that was sent, and what planning and cancelling it bring."""

    def __init__(self, journal: MemoryJournal, lost: OutOfSight, answer: SendAnswer) -> None:
        self.services, self.lost, self.sink = Services(journal, StillClock()), lost, Sink(answer)

    async def go_on(self) -> Occurrence | None:
        job = SimpleNamespace(definition=a_definition(), caps=FeeCaps(), sessions=(), chain=None)
        return await go_on(self.services, cast(Bundler, self.sink), cast(JobContext, job), self.lost)


async def a_stage(code: str = "accepted", *, spent: bool = False, answer: SendAnswer = REVERTED) -> Stage:
    journal = MemoryJournal()
    (row,) = await claimed(journal)
    row = await sent(journal, row)
    row = await tell(journal, row, Event.ANSWER, code=code, reason="said so")
    operations = await journal.operations(row.id)
    if spent:
        operations = tuple(replace(item, useful_until=DEADLINE) for item in operations)
    return Stage(journal, OutOfSight(row, operations, Timestamp(DEADLINE + 1)), answer)


def planning(monkeypatch: pytest.MonkeyPatch, result: object) -> None:
    """Have the kind's answer to a new look be this."""

    async def replanned(*_: object) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(going, "replanned", replanned)


def cancelling(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
    """Have a cancel be signed, or not."""

    async def cancelled(services: Services, _: object, row: Occurrence, __: object) -> object:
        if error is not None:
            raise error
        signed = a_signed(row, 2)
        signed = replace(
            signed, priced=replace(signed.priced, draft=replace(signed.priced.draft, cancels=True))
        )
        return await services.journal.append(signed, a_change(row, Event.RAISE))

    monkeypatch.setattr(going, "cancelled", cancelled)


async def test_what_would_revert_is_not_held_but_made_anew_on_its_nonce(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage("execution_reverted", answer=Accepted(a_hash(2)))
    row = stage.lost.occurrence
    new = await stage.services.journal.append(a_signed(row, 2), a_change(row, Event.RAISE))
    planning(monkeypatch, new)

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.code, after.nonce) == (State.SENT, "accepted", row.nonce)
    assert [item.user_op_hash for item in stage.sink.got] == [a_hash(2)]


@pytest.mark.parametrize(
    "result",
    [
        None,
        NotNow(Event.POSTPONE, "price_deviates", "the venue pays little"),
        NotNow(Event.SKIP, "price_recovered", "the price is back"),
        FeeAboveCap("gas", 2, 1),
    ],
)
async def test_without_new_calls_the_same_bytes_go_again_later(
    monkeypatch: pytest.MonkeyPatch, result: object
) -> None:
    stage = await a_stage("execution_reverted")
    planning(monkeypatch, result)

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.code, after.not_before) == (State.SENT, "execution_reverted", NOW + 60)
    assert stage.sink.got == list(stage.lost.operations)


async def test_what_reverts_however_often_it_is_made_anew_waits_for_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage("execution_reverted")
    planning(monkeypatch, PlansRefused("often enough"))

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.code) == (State.HELD, "plans_refused")
    assert stage.sink.got == []


@pytest.mark.parametrize(
    "result", [NotNow(Event.POSTPONE, "price_deviates", "the venue pays little"), FeeAboveCap("gas", 2, 1)]
)
async def test_what_can_only_revert_is_not_sent_while_nothing_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, result: object
) -> None:
    stage = await a_stage(spent=True)
    planning(monkeypatch, result)

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.code, after.not_before) == (State.SENT, SPENT, NOW + 60)
    assert stage.sink.got == []


async def test_what_can_only_revert_and_is_not_wanted_any_more_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage(spent=True, answer=Accepted(a_hash(2)))
    planning(monkeypatch, NotNow(Event.SKIP, "price_recovered", "the price is back"))
    cancelling(monkeypatch)

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.nonce) == (State.SENT, stage.lost.occurrence.nonce)
    assert [(item.cancels, item.user_op_hash) for item in stage.sink.got] == [(True, a_hash(2))]


async def test_where_no_cancel_is_allowed_what_can_only_revert_waits_to_be_void(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage(spent=True)
    planning(monkeypatch, NotNow(Event.SKIP, "price_recovered", "the price is back"))
    cancelling(monkeypatch, NoCancel("nothing is permitted"))

    after = await stage.go_on()

    assert after is not None
    assert (after.state, after.code) == (State.HELD, "cannot_cancel")
    assert stage.sink.got == []
