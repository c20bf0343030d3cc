"""Event logs that fire jobs: each once, none missed, whatever the chain and the process do."""

from collections.abc import Sequence

import pytest

from agent.domain.firing import Firing
from agent.domain.hold import JobScope
from agent.domain.occurrence import Occurrence
from agent.domain.units import Address, Hash32, Timestamp
from agent.ports import Log
from agent.worker import log_watch
from agent.worker.watcher import FINALITY_EVERY, Watcher
from tests.builders import NOW, a_hash
from tests.unit.worker.watch_stage import Stage, WatchSpec


async def a_stage(**spec: object) -> Stage:
    """Return a stage whose one job hears of `paid`."""
    fields = {"logs": "paid", "again": "never", **spec}
    stage = Stage({"order": WatchSpec.model_validate(fields)})
    await stage.enrol()
    return stage


def slot(transaction: int, place: int = 0) -> tuple[str, str]:
    """Return the job and the slot of a firing by a log."""
    return "order", f"{a_hash(transaction)}:{place}"


async def test_each_log_fires_once_at_the_time_of_its_block() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    block = stage.chain.mine()
    stage.chain.emit("paid")
    stage.chain.emit("paid")
    stage.chain.emit("other")
    stage.chain.emit("paid", transaction=2)
    await watcher.poll(block)
    await stage.mine(watcher)
    assert stage.slots == [slot(1), slot(1, 1), slot(2)]
    assert [row.ordinal for row in stage.started] == [1, 2, 3]
    assert {row.due_at for row in stage.started} == {block.timestamp}


async def test_logs_before_the_job_was_first_seen_are_nothing() -> None:
    stage = await a_stage()
    stage.chain.mine()
    stage.chain.emit("paid")
    watcher = stage.watcher()
    await stage.mine(watcher)
    await stage.mine(stage.watcher())
    assert stage.slots == []


async def test_the_fields_of_a_log_decide() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    block = stage.chain.mine()
    stage.chain.emit("paid", data=b"no")
    stage.chain.emit("paid", transaction=2)
    await watcher.poll(block)
    assert stage.slots == [slot(2)]


async def test_a_log_counts_when_enough_blocks_stand_on_it() -> None:
    stage = await a_stage(confirmations=2)
    watcher = stage.watcher()
    await stage.mine(watcher)
    await stage.mine(watcher)
    stage.chain.emit("paid")
    await stage.mine(watcher)
    assert stage.slots == []
    await stage.mine(watcher)
    assert stage.slots == [slot(1)]


async def test_a_log_that_is_mined_again_is_the_same_firing() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    block = stage.chain.mine()
    stage.chain.emit("paid")
    await watcher.poll(block)
    stage.chain.reorg(1)
    stage.chain.mine()
    block = stage.chain.mine()
    stage.chain.emit("paid")
    stage.chain.emit("paid", transaction=3)
    await watcher.poll(block)
    assert stage.slots == [slot(1), slot(3)]


async def test_a_log_that_a_reorg_puts_into_a_block_already_heard_is_heard() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    for _ in range(3):
        await stage.mine(watcher)
    stage.chain.reorg(2)
    stage.chain.mine()
    stage.chain.emit("paid")
    await stage.mine(watcher)
    assert stage.slots == [slot(1)]


async def mined(stage: Stage, watcher: Watcher, blocks: int) -> None:
    """Mine so many blocks, each looked at; all but the newest two are final."""
    for _ in range(blocks):
        stage.chain.final = max(0, stage.chain.head.number - 1)
        await stage.mine(watcher)


async def test_a_log_of_the_block_that_took_the_place_of_one_that_was_heard_is_heard_after_a_restart() -> (
    None
):
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    for transaction in (1, 2):
        stage.chain.mine()
        stage.chain.emit("paid", transaction=transaction)
        await watcher.poll(stage.chain.head)
    stage.chain.reorg(1)
    stage.chain.mine()
    stage.chain.emit("paid", transaction=3)
    for _ in range(20):
        stage.chain.mine()
    # It is final before anybody looks again.
    stage.chain.final = 10
    await stage.mine(stage.watcher())
    assert stage.slots == [slot(1), slot(2), slot(3)]


@pytest.mark.parametrize("confirmations", [0, 2])
async def test_a_log_that_a_node_left_out_is_heard_when_it_is_final(
    confirmations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await a_stage(confirmations=confirmations)
    watcher = stage.watcher()
    await stage.mine(watcher)
    answer = stage.chain.logs

    async def none(*_: object) -> tuple[Log, ...]:
        return ()

    stage.chain.mine()
    stage.chain.emit("paid")
    monkeypatch.setattr(stage.chain, "logs", none)
    await mined(stage, watcher, confirmations + 1)
    monkeypatch.setattr(stage.chain, "logs", answer)
    assert stage.slots == []
    await mined(stage, watcher, 2 * FINALITY_EVERY)
    assert stage.slots == [slot(1)]


async def test_what_is_final_is_walked_once_more_and_what_fired_costs_no_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await mined(stage, watcher, 2 * FINALITY_EVERY)
    stage.chain.mine()
    stage.chain.emit("paid")
    answer, asked = stage.chain.logs, list[tuple[int, int]]()

    async def logs(
        address: Address, topics: Sequence[Sequence[Hash32] | None], first: int, last: int
    ) -> tuple[Log, ...]:
        asked.append((first, last))
        return await answer(address, topics, first, last)

    monkeypatch.setattr(stage.chain, "logs", logs)
    await mined(stage, watcher, 3 * FINALITY_EVERY)
    again = [(first, last) for first, last in asked if last < stage.chain.final - 2 and last > first + 2]
    assert len(again) == len(asked) - 3 * FINALITY_EVERY == 3
    assert [first for first, _ in again[1:]] == [last + 1 for _, last in again[:-1]]
    assert stage.slots == [slot(1)]
    assert stage.chain.requests.count("receipt") == 1


async def test_how_far_a_job_has_heard_for_good_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_watch, "SAVE_EVERY", FINALITY_EVERY)
    stage = await a_stage()
    watcher = stage.watcher()
    await mined(stage, watcher, 4 * FINALITY_EVERY)
    heard = (await stage.journal.triggers(["order"]))["order"].seen.log_block
    assert heard is not None
    assert FINALITY_EVERY < heard <= stage.chain.final


async def test_what_happened_while_nobody_looked_is_heard_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_watch, "BLOCKS_PER_QUERY", 5)
    stage = await a_stage()
    await stage.mine(stage.watcher())
    for transaction in range(1, 21):
        stage.chain.mine()
        stage.chain.emit("paid", transaction=transaction)
    stage.chain.requests.clear()
    await stage.mine(stage.watcher())
    assert stage.slots == [slot(transaction) for transaction in range(1, 21)]
    assert stage.chain.requests.count("logs") == 5


async def test_a_long_absence_is_walked_over_several_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_watch, "BLOCKS_PER_QUERY", 5)
    monkeypatch.setattr(log_watch, "MOST_STEPS", 1)
    stage = await a_stage()
    await stage.mine(stage.watcher())
    for transaction in range(1, 11):
        stage.chain.mine()
        stage.chain.emit("paid", transaction=transaction)
    watcher = stage.watcher()
    await stage.mine(watcher)
    assert len(stage.slots) == 5
    await stage.mine(watcher)
    await stage.mine(watcher)
    assert stage.slots == [slot(transaction) for transaction in range(1, 11)]


async def test_many_jobs_of_one_contract_cost_one_question_a_block() -> None:
    specs = {f"job-{place}": WatchSpec(logs=f"e{place % 50}", again="never") for place in range(200)}
    stage = Stage(specs)
    await stage.enrol()
    watcher = stage.watcher()
    await stage.mine(watcher)
    stage.chain.requests.clear()
    block = stage.chain.mine()
    stage.chain.emit("e7")
    await watcher.poll(block)
    assert sorted(job for job, _ in stage.slots) == ["job-107", "job-157", "job-57", "job-7"]
    assert stage.chain.requests.count("logs") == 1
    assert stage.chain.requests.count("receipt") == 1


async def test_the_logs_of_a_paused_job_wait() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    await stage.journal.pause("order", "holiday", NOW)
    for transaction in (1, 2):
        block = stage.chain.mine()
        stage.chain.emit("paid", transaction=transaction)
        await watcher.poll(block)
    assert stage.slots == []
    await stage.journal.resume("order", NOW)
    await stage.mine(watcher)
    assert stage.slots == [slot(1), slot(2)]


async def test_the_log_of_a_job_that_is_resumed_while_it_is_refused_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    await stage.journal.pause("order", "holiday", NOW)
    answer = stage.journal.fire

    async def fire(firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        rows = await answer(firings, at)
        await stage.journal.resume("order", NOW)
        return rows

    monkeypatch.setattr(stage.journal, "fire", fire)
    stage.chain.mine()
    stage.chain.emit("paid")
    await watcher.poll(stage.chain.head)
    assert stage.slots == []
    await stage.mine(watcher)
    assert stage.slots == [slot(1)]


async def test_a_kind_that_raises_on_a_log_holds_its_job_and_no_other() -> None:
    spec = WatchSpec(logs="paid", again="never")
    stage = Stage({"bad": spec.model_copy(update={"name": "bad"}), "good": spec})
    await stage.enrol()
    watcher = stage.watcher()
    await stage.mine(watcher)
    stage.kind.poison.add("bad")
    block = stage.chain.mine()
    stage.chain.emit("paid")
    await watcher.poll(block)
    assert [job for job, _ in stage.slots] == ["good"]
    assert [hold.scope for hold in await stage.journal.holds()] == [JobScope("bad")]
    stage.kind.poison.clear()
    await stage.journal.release_hold(JobScope("bad"), "internal_error", "mended", NOW)
    await stage.mine(watcher)
    assert [job for job, _ in stage.slots] == ["good", "bad"]


async def test_a_receipt_that_is_not_there_yet_is_waited_for() -> None:
    stage = await a_stage()
    watcher = stage.watcher()
    await stage.mine(watcher)
    block = stage.chain.mine()
    stage.chain.emit("paid")
    stage.chain.lost.add(Hash32(a_hash(1)))
    await watcher.poll(block)
    assert stage.slots == []
    stage.chain.lost.clear()
    await stage.mine(watcher)
    assert stage.slots == [slot(1)]
