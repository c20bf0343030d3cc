"""An operation that this journal never saw is a run's payment only where no other slot can have had it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.domain.job import JobDefinition
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.schedule import CatchUp
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.pipeline.confirm import Happened
from agent.pipeline.recognise import REASON, recognised
from agent.ports import Journal
from tests.builders import a_hash, a_journaled_operation, a_user_operation
from tests.contract.journals import included, plan, sent, tell
from tests.unit.pipeline.lane_chain import (
    GRACE_S,
    LANE,
    PAYMENT,
    Landed,
    Node,
    a_context,
    a_definition,
    a_journal,
    at,
    by_its_hash,
    payment,
)


def our_operations(sequence: int) -> tuple[JournaledOperation, ...]:
    nonce = Nonce(LANE, sequence)
    operation = a_user_operation(nonce, call_data=PAYMENT)
    return (replace(a_journaled_operation(nonce=nonce), operation=operation, planned_at_block=1),)


async def finalized(journal: Journal, row: Occurrence, seed: int = 1) -> None:
    here = await included(journal, await sent(journal, row, seed))
    assert here.inclusion is not None
    await tell(journal, here, Event.FINALIZE, inclusion=replace(here.inclusion, delivered=True))


async def found(
    days: int,
    landed: Landed,
    *,
    paid: Sequence[int] = (),
    given_up: Sequence[int] = (),
    decided: Sequence[int] = (),
    definition: JobDefinition | None = None,
) -> Happened | None:
    """Ask whether what landed paid the newest of so many slots; `paid`, `given_up`, `decided` are others.

    This journal signed another operation than the one that landed.
    """
    journal, rows = await a_journal(days)
    for number in paid:
        await finalized(journal, rows[number], seed=100 + number)
    for number in given_up:
        await tell(journal, rows[number], Event.SKIP, code="skipped", reason="by its rule")
    for number in decided:
        await tell(journal, await tell(journal, rows[number], Event.HOLD), Event.RESOLVE_PAID)
    run: Occurrence = await plan(journal, rows[-1])
    job = a_context(definition or a_definition(), Node([landed]))
    return await recognised(journal, job, run, our_operations(landed.sequence))


async def test_where_every_other_slot_is_paid_it_is_the_runs() -> None:
    landed = payment(1, at(1, 60))
    verdict = await found(2, landed, paid=[0])
    assert verdict is not None
    assert (verdict.event, verdict.code, verdict.reason) == (Event.FOUND, "found_on_chain", REASON)
    assert verdict.inclusion is not None
    assert (verdict.inclusion.user_op_hash, verdict.inclusion.success) == (landed.user_op_hash, True)


async def test_where_a_slot_was_given_up_here_it_may_be_that_ones() -> None:
    assert await found(2, payment(0, at(1, 60)), given_up=[0]) is None


async def test_where_a_person_called_a_slot_paid_it_may_be_what_the_person_saw() -> None:
    assert await found(2, payment(0, at(1, 60)), decided=[0]) is None


async def test_where_the_journal_has_a_slot_open_it_may_be_that_ones() -> None:
    assert await found(2, payment(0, at(1, 60))) is None


async def test_a_slot_that_was_due_after_it_cannot_have_had_it() -> None:
    # By the schedule a second slot is due a day later.
    assert await found(1, payment(0, at(0, 60))) is not None
    # As the clock of blocks may be behind, one that was due soon after can.
    assert await found(1, payment(0, at(1, -60))) is None


@pytest.mark.parametrize(("later_s", "is_found"), [(0, False), (1_000, True)])
async def test_a_slot_whose_last_moment_was_over_cannot_have_had_it(later_s: int, *, is_found: bool) -> None:
    landed = payment(0, at(1, GRACE_S + later_s))
    assert (await found(2, landed, given_up=[0]) is not None) is is_found


async def test_a_slot_that_is_caught_up_has_no_last_moment() -> None:
    landed = payment(0, at(1, GRACE_S + 1_000))
    late = a_definition(catch_up=CatchUp.LATEST)
    assert await found(2, landed, given_up=[0], definition=late) is None


async def test_where_there_are_too_many_slots_to_look_at_nothing_is_certain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, landed = a_definition(catch_up=CatchUp.LATEST), payment(2, at(3, 60))
    monkeypatch.setattr("agent.pipeline.recognise.MOST_SLOTS", 2)
    assert await found(4, landed, paid=[0, 1], given_up=[2], definition=late) is None


async def test_what_a_triggered_job_paid_for_no_calendar_tells() -> None:
    triggered = a_definition(triggered=True)
    assert await found(1, payment(0, at(0, 60)), definition=triggered) is None


@pytest.mark.parametrize(
    "landed",
    [
        replace(payment(0, at(0, 60)), success=False),
        by_its_hash(Landed(0, at(0, 60), a_hash(), call_data=b"\x01")),
        replace(by_its_hash(Landed(0, at(0, 60), a_hash(), call_data=b"\x01")), call_data=PAYMENT),
    ],
    ids=["reverted", "other calls", "other calls, and the bundle shows ours"],
)
async def test_what_reverted_or_did_something_else_is_not_recognised(landed: Landed) -> None:
    assert await found(1, landed) is None


async def test_the_time_that_counts_is_that_of_its_block() -> None:
    journal, (first, second) = await a_journal(2)
    await finalized(journal, first)
    node = Node([Landed(0, at(0, 60), a_hash()), payment(1, at(1, 60)), Landed(2, at(5), a_hash(3))])
    run = await plan(journal, second)

    assert await recognised(journal, a_context(a_definition(), node), run, our_operations(1)) is not None
    assert node.asked[-1] == 2
    assert run.due_at == Timestamp(at(1))
