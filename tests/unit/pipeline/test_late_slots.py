"""What a lost journal paid, and the restored one hears of only later, is never planned behind it."""

from types import SimpleNamespace
from typing import cast

import pytest

from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.pipeline.context import Services
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.occurrence import pay
from agent.pipeline.pump import DuePump
from agent.pipeline.rebuild import rebuilt
from agent.pipeline.recover import flights
from agent.worker import log_watch
from jobs.subscription import SUBSCRIPTION
from tests.builders import a_hash
from tests.contract.journals import sent, tell
from tests.unit.pipeline.lane_chain import (
    Landed,
    Node,
    a_context,
    a_definition,
    a_journal,
    at,
    payment,
    services_of,
)
from tests.unit.pipeline.test_follow_failure import ANOTHER, DEFINITION, Chain
from tests.unit.pipeline.test_follow_failure import Stage as Followed
from tests.unit.worker.watch_stage import Stage as Watched
from tests.unit.worker.watch_stage import WatchSpec


async def test_a_slot_without_a_row_is_held_behind_a_foreign_operation() -> None:
    # The lost journal gave the first slot up as void, and paid the second on the same sequence.
    journal, (row,) = await a_journal(1)
    stage = Followed(journal, row, SUBSCRIPTION)
    await stage.signed(1, 80, valid_until=at(0, 600))
    stage.clock.time = at(1, 120)
    times = [at(0), at(1, 60), at(1, 70), at(1, 110)]
    hashes = [a_hash(500), ANOTHER, a_hash(501), a_hash(502)]
    node = Chain([Landed(0, when, one) for when, one in zip(times, hashes, strict=True)], final=4)
    job = stage.job(node)

    # What the restored worker does first of all: follow. Then its pump claims what is due.
    found = await flights(stage.services, {"rent": job}, [stage.row])
    (foreign,) = await follow(stage.services, job.chain, found, LogScan(), sends=False)
    fresh: list[Occurrence] = []
    await DuePump(journal, {"rent": DEFINITION}, fresh.append).tick(stage.clock.time)
    (second,) = fresh

    assert isinstance(foreign.outcome, Occurrence)
    assert foreign.outcome.state is State.FOREIGN
    assert second.due_at == at(1)
    assert (second.state, second.code) == (State.HELD, LANE_AHEAD)


async def test_a_log_that_is_heard_after_the_lane_was_rebuilt_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What 2,000 blocks a step and ten steps a look are on a chain: here two blocks a step, one step a look.
    monkeypatch.setattr(log_watch, "BLOCKS_PER_QUERY", 2)
    monkeypatch.setattr(log_watch, "MOST_STEPS", 1)
    stage = Watched({"rent": WatchSpec.model_validate({"logs": "paid", "again": "never"})})
    await stage.enrol()
    await stage.mine(stage.watcher())
    for transaction in (1, 2):
        for _ in range(3):
            stage.chain.mine()
        stage.chain.emit("paid", transaction=transaction)
    # The lost journal paid for both, after both were logged.
    job = a_context(a_definition(triggered=True), Node([payment(0, at(0, 1_000)), payment(1, at(0, 1_010))]))
    cast("SimpleNamespace", job).chain.max_head_age_s = None
    watcher = stage.watcher()
    stage.clock.time = at(0, 1_200)

    while not stage.started:
        await stage.mine(watcher)
    first = await pay(Services(stage.journal, stage.clock), job, stage.started[0])
    while len(stage.started) < 2:
        await stage.mine(watcher)

    assert [row.slot for row in stage.started] == [f"{a_hash(1)}:0", f"{a_hash(2)}:0"]
    assert (first.state, first.code) == (State.HELD, LANE_AHEAD)
    assert (stage.started[1].state, stage.started[1].code) == (State.HELD, LANE_AHEAD)
    assert (await stage.journal.job("rent")).next_sequence == 2


async def test_a_void_operation_of_a_run_called_paid_that_lands_does_not_stop_the_job() -> None:
    journal, (first, second) = await a_journal(2)
    flying = await sent(journal, first)
    # Void at finality, paid by hand, called paid; then the owner extends the session.
    await tell(journal, await tell(journal, flying, Event.HOLD), Event.RESOLVE_PAID)

    after = await rebuilt(
        services_of(journal), a_context(a_definition(), Node([Landed(0, at(1, 60), a_hash())])), second
    )

    assert (after.state, after.code) == (State.HELD, LANE_AHEAD)
