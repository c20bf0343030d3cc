"""A kind whose own code breaks while its run is followed: the run goes on, and waits for a person at last."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from agent.domain.evaluation import ChainView, Delivered, Delivery, Read
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import Address
from agent.pipeline.outcome import BROKEN
from jobs.kind import EventLog
from jobs.subscription import SubscriptionSpec
from tests.builders import PAYEE
from tests.unit.pipeline.test_follow_failure import (
    FAILED,
    FAILED_IN,
    FIRST,
    PAID,
    Repay,
    Stage,
    a_chain,
    a_stage,
)

HEAD = 4
"""A block above the one that holds the payment."""


class NoConfirm(Repay):
    """Cannot read the logs of its own payment."""

    def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
        raise ValueError("sk-live-4f9a8b7c6d5e4f3a")


class NoOutcome(Repay):
    """Cannot read how the chain stands after it."""

    def outcome_reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        return (Read(PAYEE, b""),)

    def outcome(self, spec: SubscriptionSpec, account: Address, view: ChainView) -> Delivery:
        raise ZeroDivisionError


class NoReads(Repay):
    """Cannot say what it wants to look at."""

    def outcome_reads(self, spec: SubscriptionSpec, account: Address) -> tuple[Read, ...]:
        raise KeyError(spec)


async def on_its_way(kind: Repay) -> Stage:
    """Return a run that is sent, whose first look at the chain found nothing."""
    stage = await a_stage(kind)
    await stage.tell(Event.REORG)
    return stage


def told(row: Occurrence) -> tuple[State, str, bool | None, str]:
    assert row.inclusion is not None
    assert row.inclusion.user_op_hash == FIRST
    return row.state, row.code, row.inclusion.delivered, row.inclusion.why


@pytest.mark.parametrize("kind", [NoConfirm(), NoOutcome(), NoReads()])
async def test_what_its_kind_cannot_judge_is_included_and_held_when_it_is_final(kind: Repay) -> None:
    stage = await on_its_way(kind)

    with capture_logs() as logs:
        assert told(await stage.look(a_chain(HEAD, PAID))) == (State.INCLUDED_OK, "", None, BROKEN)
        assert told(await stage.look(a_chain(HEAD, PAID))) == (State.INCLUDED_OK, "", None, BROKEN)
        after = await stage.look(a_chain(HEAD, PAID, final=FAILED_IN))

    assert told(after) == (State.HELD, "delivery_unknown", None, BROKEN)
    assert after.reason == BROKEN
    assert [(one["event"], one["job"]) for one in logs] == [("kind_failed", "rent")] * 2


async def test_a_kind_that_is_mended_meanwhile_judges_it_when_it_is_final() -> None:
    stage = await on_its_way(NoConfirm())
    await stage.look(a_chain(HEAD, PAID))
    stage.kind = Repay()

    after = await stage.look(a_chain(HEAD, PAID, final=FAILED_IN))

    assert told(after) == (State.FINAL_OK, "", True, "")


async def test_one_that_a_person_lets_go_is_judged_anew() -> None:
    stage = await on_its_way(NoConfirm())
    for _ in range(2):
        await stage.look(a_chain(HEAD, PAID, final=FAILED_IN))
    assert stage.row.state is State.HELD
    stage.kind = Repay()
    await stage.tell(Event.RELEASE, code="released", reason="mended")

    after = await stage.look(a_chain(HEAD, PAID, final=FAILED_IN))

    assert told(after)[0] is State.FINAL_OK


async def test_a_failure_asks_no_kind() -> None:
    stage = await on_its_way(NoConfirm())

    assert (await stage.look(a_chain(HEAD, FAILED))).state is State.INCLUDED_FAIL


async def test_the_kind_that_works_is_asked_once() -> None:
    asked: list[Sequence[EventLog]] = []

    class Counts(Repay):
        def confirm(self, spec: SubscriptionSpec, account: Address, logs: Sequence[EventLog]) -> Delivery:
            asked.append(logs)
            return Delivered()

    stage = await on_its_way(Counts())
    await stage.look(a_chain(HEAD, PAID))
    await stage.look(a_chain(HEAD, PAID, final=FAILED_IN))

    assert (stage.row.state, len(asked)) == (State.FINAL_OK, 1)
