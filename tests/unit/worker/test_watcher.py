"""What the watcher makes of blocks: one firing per crossing, whatever chain, node and process do."""

import pytest
import structlog

from agent.domain.errors import StoreUnavailable
from agent.domain.job_caps import JobCapKey
from agent.domain.journal import Change
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.watching import Firings
from tests.builders import NOW
from tests.unit.worker.watch_stage import BLOCK_S, Stage, WatchSpec


async def a_stage(**spec: object) -> Stage:
    """Return a stage whose one job has these fields."""
    stage = Stage({"order": WatchSpec.model_validate(spec)})
    await stage.enrol()
    return stage


async def ended(stage: Stage, row: Occurrence, event: Event = Event.SKIP) -> None:
    """End an occurrence."""
    await stage.journal.record(Change(row.id, row.version, event, NOW))


class TestFiring:
    async def test_a_crossing_fires_once_and_again_after_it_was_armed_again(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        for value in (120, 99, 98, 101, 99):
            await stage.mine(watcher, price=value)
        assert stage.slots == [("order", "1")]
        await ended(stage, stage.started[0])
        for value in (97, 115, 90):
            await stage.mine(watcher, price=value)
        assert stage.slots == [("order", "1"), ("order", "2")]

    async def test_the_occurrence_is_due_at_the_time_of_the_block(self) -> None:
        stage = await a_stage()
        block = await stage.mine(stage.watcher(), price=99)
        (row,) = await stage.journal.occurrences()
        assert (row.state, row.due_at, row.slot) == (State.DUE, block.timestamp, "1")
        assert row == stage.started[0]
        (entry,) = await stage.journal.entries(row.id)
        assert '"value":"99"' in entry.data

    async def test_a_firing_is_put_aside_with_its_memory_while_one_is_open(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)
        await stage.mine(watcher, price=115)
        await stage.mine(watcher, price=90)
        await stage.mine(watcher, price=91)
        assert stage.slots == [("order", "1")]
        await ended(stage, stage.started[0])
        await stage.mine(watcher)
        assert stage.slots == [("order", "1"), ("order", "2")]

    async def test_a_level_fires_whenever_none_is_open(self) -> None:
        stage = await a_stage(level=True)
        watcher = stage.watcher()
        for _ in range(3):
            await stage.mine(watcher, price=99)
            await ended(stage, stage.started[-1])
        assert [slot for _, slot in stage.slots] == ["1", "2", "3"]

    async def test_the_kind_hears_how_its_firings_went(self) -> None:
        stage = await a_stage(level=True)
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)
        await stage.mine(watcher, price=98)
        await ended(stage, stage.started[0])
        await stage.mine(watcher)
        pasts = [past for _, _, past in stage.kind.looks]
        assert pasts[0] == Firings()
        assert pasts[1] == Firings(count=1, open=1)
        assert pasts[2] == Firings(count=1, last_ended_at=NOW, last_state=State.SKIPPED)

    async def test_the_kind_hears_what_ended_firings_left_of_its_total(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = await a_stage(level=True, total=10)
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)

        async def spent() -> dict[str, int]:
            return {str(JobCapKey("order", "total")): 7}

        monkeypatch.setattr(stage.journal, "spent", spent)
        await stage.mine(watcher, price=98)
        await ended(stage, stage.started[0])
        await stage.mine(watcher)
        await stage.mine(stage.watcher())
        assert stage.kind.left == [{}, {}, {"total": 3}, {"total": 3}]

    async def test_what_cannot_be_read_fires_nothing_and_alarms(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        with structlog.testing.capture_logs() as logs:
            await stage.mine(watcher, price=None)
            await stage.mine(watcher)
        assert stage.slots == []
        assert [line["event"] for line in logs] == ["watch_alarm"]
        assert 'watch_alarms{chain="31337",code="unknown"} 1.0' in stage.metrics.render().decode()
        found = (await stage.journal.triggers(["order"]))["order"].seen
        assert (found.code, found.alarm, found.block_number) == ("unknown", True, 2)
        await stage.mine(watcher, price=120)
        assert 'watch_alarms{chain="31337",code="unknown"} 0.0' in stage.metrics.render().decode()

    async def test_two_watchers_of_one_journal_fire_once(self) -> None:
        stage = await a_stage()
        first, second = stage.watcher(), stage.watcher()
        block = stage.chain.mine(price=99)
        await first.poll(block)
        await second.poll(block)
        await stage.mine(second, price=98)
        assert stage.slots == [("order", "1")]


class TestWhenItLooks:
    async def test_equal_answers_are_not_looked_at(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        for _ in range(5):
            await stage.mine(watcher, price=120)
        assert [block for block, _, _ in stage.kind.looks] == [1]

    async def test_a_job_that_waits_for_a_block_costs_nothing_until_then(self) -> None:
        stage = await a_stage(again="block+5")
        watcher = stage.watcher()
        for value in range(120, 132):
            await stage.mine(watcher, price=value)
        assert [block for block, _, _ in stage.kind.looks] == [1, 6, 11]
        assert stage.chain.requests.count("reads") == 3

    async def test_a_job_that_waits_for_a_time_goes_by_the_blocks_own(self) -> None:
        stage = await a_stage(again=f"time+{3 * BLOCK_S}")
        watcher = stage.watcher()
        for value in range(120, 127):
            await stage.mine(watcher, price=value)
        assert [block for block, _, _ in stage.kind.looks] == [1, 4, 7]

    async def test_a_job_that_never_looks_again_is_read_no_more(self) -> None:
        stage = await a_stage(again="never")
        watcher = stage.watcher()
        for value in range(120, 127):
            await stage.mine(watcher, price=value)
        assert len(stage.kind.looks) == 1
        assert stage.chain.requests.count("reads") == 1

    async def test_ten_thousand_idle_jobs_cost_one_request_and_no_look(self) -> None:
        specs = {f"job-{place}": WatchSpec(name=f"n{place % 2_000}") for place in range(10_000)}
        stage = Stage(specs)
        await stage.enrol()
        watcher = stage.watcher()
        prices = {f"n{place}": 120 for place in range(2_000)}
        await stage.mine(watcher, **prices)
        assert len(stage.kind.looks) == 10_000
        stage.kind.looks.clear()
        stage.chain.requests.clear()
        for _ in range(10):
            await stage.mine(watcher)
        assert stage.kind.looks == []
        assert stage.chain.requests == ["reads"] * 10
        assert {len(reads) for reads in stage.chain.asked} == {2_000}
        await stage.mine(watcher, n7=121)
        assert len(stage.kind.looks) == 5

    async def test_ten_thousand_jobs_that_wait_for_a_time_cost_no_request(self) -> None:
        stage = Stage({f"job-{place}": WatchSpec(again="time+86400") for place in range(10_000)})
        await stage.enrol()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        stage.kind.looks.clear()
        stage.chain.requests.clear()
        for value in range(10):
            await stage.mine(watcher, price=value)
        assert (stage.kind.looks, stage.chain.requests) == ([], [])

    async def test_the_same_head_is_judged_once(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        block = await stage.mine(watcher, price=120)
        await watcher.poll(block)
        assert len(stage.kind.looks) == 1
        assert not watcher.is_behind


class TestChain:
    async def test_nothing_is_judged_from_a_node_that_is_behind(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        old = stage.chain.mine(price=99)
        stage.chain.mine(price=120)
        await watcher.poll(stage.chain.head)
        await watcher.poll(old)
        assert [block for block, _, _ in stage.kind.looks] == [2]

    async def test_nothing_is_judged_on_a_head_that_is_too_old(self) -> None:
        stage = await a_stage()
        stage.max_head_age_s = 60
        watcher = stage.watcher()
        stage.clock.time = type(NOW)(NOW + 1_000)
        await stage.mine(watcher, price=99)
        assert stage.kind.looks == []
        stage.clock.time = NOW
        await stage.mine(watcher)
        assert stage.slots == [("order", "1")]

    async def test_a_node_that_is_silent_costs_a_block_and_no_change(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        block = stage.chain.mine(price=99)
        stage.chain.out = True
        await watcher.poll(block)
        stage.chain.out = False
        await watcher.poll(block)
        assert stage.slots == [("order", "1")]

    async def test_a_gap_is_judged_by_its_newest_block(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        stage.chain.mine(price=50)
        await stage.mine(watcher, price=115)
        assert [block for block, _, _ in stage.kind.looks] == [1, 3]

    async def test_a_reorg_takes_back_what_was_remembered(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)
        await ended(stage, stage.started[0])
        await stage.mine(watcher, price=100)
        await stage.mine(watcher, price=115)
        stage.chain.reorg(1)
        await stage.mine(watcher, price=105)
        await stage.mine(watcher, price=90)
        assert stage.slots == [("order", "1")]
        assert stage.kind.looks[-2][1] == {"armed": 0}

    async def test_a_reorg_of_the_block_that_fired_makes_no_second_firing(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        await stage.mine(watcher, price=99)
        stage.chain.reorg(1)
        await stage.mine(watcher, price=98)
        await ended(stage, stage.started[0])
        await stage.mine(watcher, price=97)
        assert stage.slots == [("order", "1")]

    async def test_a_reorg_of_what_armed_it_makes_no_second_firing(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=115)
        await stage.mine(watcher, price=90)
        await ended(stage, stage.started[0])
        stage.chain.reorg(2)
        stage.chain.mine(price=105)
        await stage.mine(watcher, price=104)
        await stage.mine(watcher, price=90)
        assert stage.slots == [("order", "1")]

    async def test_a_reorg_deeper_than_all_that_was_judged_is_no_firing_either(self) -> None:
        stage = await a_stage()
        first = stage.watcher()
        await stage.mine(first, price=120)
        await stage.mine(first, price=99)
        again = stage.watcher()
        await stage.mine(again, price=98)
        stage.chain.reorg(3)
        await stage.mine(again, price=120)
        await stage.mine(again, price=90)
        assert stage.slots == [("order", "1")]


class TestRestart:
    async def test_nothing_is_judged_below_what_an_earlier_run_judged(self) -> None:
        stage = await a_stage()
        await stage.mine(stage.watcher(), price=115)
        await stage.mine(stage.watcher(), price=90)
        await ended(stage, stage.started[0])
        stage.chain.reorg(1)
        watcher = stage.watcher()
        await watcher.poll(stage.chain.head)
        assert len(stage.kind.looks) == 2
        await stage.mine(watcher, price=89)
        assert stage.slots == [("order", "1")]

    async def test_what_a_reorg_took_back_stays_so_after_another_restart(self) -> None:
        stage = await a_stage()
        await stage.mine(stage.watcher(), price=90)
        await ended(stage, stage.started[0])
        await stage.mine(stage.watcher(), price=115)
        stage.chain.reorg(1)
        await stage.mine(stage.watcher(), price=105)
        stage.chain.final = len(stage.chain.blocks) - 1
        await stage.mine(stage.watcher(), price=89)
        assert stage.slots == [("order", "1")]

    async def test_what_was_remembered_goes_on(self) -> None:
        stage = await a_stage()
        await stage.mine(stage.watcher(), price=99)
        await ended(stage, stage.started[0])
        await stage.mine(stage.watcher(), price=98)
        assert stage.slots == [("order", "1")]
        await stage.mine(stage.watcher(), price=115)
        await stage.mine(stage.watcher(), price=90)
        assert stage.slots == [("order", "1"), ("order", "2")]

    async def test_of_a_block_that_left_the_chain_meanwhile_nothing_is_remembered(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=99)
        await ended(stage, stage.started[0])
        await stage.mine(watcher, price=115)
        stage.chain.reorg(1)
        await stage.mine(stage.watcher(), price=105)
        assert stage.kind.looks[-1][1] == {"armed": 0}

    async def test_a_firing_that_was_journaled_is_not_made_again(self) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        block = await stage.mine(watcher, price=99)
        # As if the process had ended before anything else was done.
        await stage.watcher().poll(block)
        await stage.mine(stage.watcher())
        assert len(await stage.journal.occurrences()) == 1

    async def test_a_store_that_fails_costs_no_firing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = await a_stage()
        watcher = stage.watcher()
        await stage.mine(watcher, price=120)
        answer = stage.journal.fire
        monkeypatch.setattr(stage.journal, "fire", failing)
        block = await stage.mine(watcher, price=99)
        assert (stage.slots, watcher.is_behind) == ([], True)
        monkeypatch.setattr(stage.journal, "fire", answer)
        await watcher.poll(block)
        assert stage.slots == [("order", "1")]
        assert not watcher.is_behind


async def failing(*_: object) -> None:
    raise StoreUnavailable("the disk is full")
