"""A person's request to cancel stands until the run ends, whatever a reorg shows and takes back meanwhile."""

import pytest

from agent.commands.runs_cancel import cancel_run
from agent.domain.errors import JobPaused
from agent.domain.job import FeeCaps
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline import go_on
from agent.pipeline.cancel import NoCancel
from agent.pipeline.ladder import Terms, Wish, wish
from agent.pipeline.settle import after_the_end
from jobs.subscription import SUBSCRIPTION
from tests.unit.pipeline.lane_chain import a_journal, at
from tests.unit.pipeline.test_follow_failure import DEFINITION, FAILED, PAID, Stage, a_chain

WHY = "the contract ended"


async def asked(valid_until: int | None = None) -> Stage:
    """Return a run that was sent, and that a person wants cancelled."""
    journal, (row,) = await a_journal(1)
    stage = Stage(journal, row, SUBSCRIPTION)
    await stage.signed(1, 80, valid_until)
    stage.row = await cancel_run(journal, row.id, at(0, 30), reason=WHY)
    return stage


async def taken_back(first: str) -> Stage:
    """Return one that was seen on chain before the worker looked at the request, in a block that left it."""
    stage = await asked()
    assert (await stage.look(a_chain(3, first))).state in (State.INCLUDED_OK, State.INCLUDED_FAIL)
    assert (await stage.look(a_chain(3, None))).state is State.SENT
    return stage


@pytest.mark.parametrize("first", [FAILED, PAID])
async def test_what_a_reorg_takes_back_is_cancelled(first: str) -> None:
    stage = await taken_back(first)
    signed = await stage.journal.operations(stage.row.id)

    assert (stage.row.code, stage.row.reason) == (CANCEL_ASKED, WHY)
    terms = Terms(FeeCaps(), Timestamp(at(1)))
    assert wish(signed, stage.row.code, terms, at(0, 60)) is Wish.CANCEL


async def test_the_payment_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[int]()

    async def cancelled(_services: object, _job: object, _row: object, _signed: object) -> None:
        tried.append(stage.row.id)
        raise JobPaused("no cancel can be made now")

    def terms_of(_job: object, _occurrence: object) -> Terms:
        return Terms(FeeCaps(), Timestamp(at(1)))

    monkeypatch.setattr(go_on, "cancelled", cancelled)
    monkeypatch.setattr(go_on, "terms_of", terms_of)
    stage = await taken_back(FAILED)
    stage.clock.time = Timestamp(max(stage.row.not_before, stage.clock.time) + 1)
    await stage.look(a_chain(3, None))

    assert tried == [stage.row.id]
    assert stage.sink.got == []


async def test_what_fails_again_for_good_is_not_tried_again() -> None:
    stage = await taken_back(FAILED)
    await stage.look(a_chain(4, FAILED))
    assert (await stage.look(a_chain(4, FAILED, final=3))).state is State.FINAL_FAIL

    await _ends(stage)


async def test_what_is_void_is_not_tried_again() -> None:
    stage = await asked(valid_until=at(0, 1))
    assert (await stage.look(a_chain(4, None, final=3))).state is State.EXPIRED

    await _ends(stage)


@pytest.mark.parametrize("first", [FAILED, None])
async def test_what_could_not_be_cancelled_is_not_tried_again_either(first: str | None) -> None:
    stage = await asked(valid_until=at(0, 1))
    await stage.tell(Event.HOLD, code=NoCancel.code, reason="the session allows none")
    node = a_chain(4, first, final=3)
    if first is not None:
        assert (await stage.look(node)).state is State.INCLUDED_FAIL
    assert (await stage.look(node)).state in (State.FINAL_FAIL, State.EXPIRED)

    await _ends(stage)


async def _ends(stage: Stage) -> None:
    signed = await stage.journal.operations(stage.row.id)
    change = after_the_end(DEFINITION, stage.row, at(0, 90), signed)
    assert change is not None
    assert (change.event, change.code) == (Event.GIVE_UP, "cancelled")
