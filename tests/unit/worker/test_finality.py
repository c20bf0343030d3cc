"""A break of finality is found whatever fails in the middle of the look that should have found it."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import ChainUnavailable, StoreUnavailable
from agent.domain.hold import ChainScope, Hold
from agent.domain.occurrence import Occurrence
from agent.domain.states import Event, State
from agent.domain.units import ChainId, Timestamp, Wei
from agent.pipeline.context import ChainContext, Services
from agent.ports import Block, BlockTag
from agent.worker import finality
from agent.worker.finality import FINALITY_BROKEN, FinalityWatch
from tests.builders import CHAIN_ID, NOW, a_hash
from tests.contract.journals import a_change, a_job, claimed, included, sent, tell

PAID_IN = 60


@dataclass
class Chain:
    """A chain whose blocks are of one branch or the other."""

    final: int = PAID_IN
    branch: int = 0
    forked_at: int = 0
    """The first block of the other branch."""
    is_silent: bool = False
    chain_id = CHAIN_ID

    async def finalized(self) -> Block:
        return self._block(self.final)

    async def block(self, tag: BlockTag) -> Block:
        if self.is_silent:
            raise ChainUnavailable("no answer")
        assert isinstance(tag, int)
        return self._block(tag)

    def _block(self, number: int) -> Block:
        branch = self.branch if number >= self.forked_at else 0
        return Block(number, a_hash(branch + number), Timestamp(NOW + number), Wei(1))


class FullDisk(MemoryJournal):
    """A journal that takes no hold while its disk is full."""

    is_full = False

    async def hold(self, hold: Hold) -> Hold:
        if self.is_full:
            raise StoreUnavailable("no room")
        return await super().hold(hold)


class Clock:
    async def now(self) -> Timestamp:
        return NOW


async def a_watch() -> tuple[FinalityWatch, Chain, FullDisk]:
    """Return a watch that has seen a payment's block become final."""
    chain, journal = Chain(), FullDisk()
    (row,) = await claimed(journal, a_job())
    paid = await included(journal, await sent(journal, row), block=PAID_IN)
    await tell(journal, paid, Event.FINALIZE)
    context = cast(ChainContext, cast(Any, Context(chain, chain)))
    watch = FinalityWatch(Services(journal, cast(Any, Clock())), context)
    assert await watch.look() == ()
    return watch, chain, journal


@dataclass
class Context:
    """What the watch asks of a chain."""

    reader: Chain
    agreed: Chain


async def stopped(journal: FullDisk) -> list[tuple[object, str]]:
    return [(hold.scope, hold.code) for hold in await journal.holds()]


async def test_a_break_is_found_by_the_next_look_when_the_node_was_silent_in_this_one() -> None:
    watch, chain, journal = await a_watch()
    chain.branch, chain.final, chain.is_silent = 1_000, PAID_IN + 5, True
    with pytest.raises(ChainUnavailable):
        await watch.look()
    chain.is_silent = False
    (undone,) = await watch.look()
    assert (undone.state, undone.code) == (State.HELD, FINALITY_BROKEN)
    assert await stopped(journal) == [(ChainScope(CHAIN_ID), FINALITY_BROKEN)]


async def test_a_break_is_found_by_the_next_look_when_it_could_not_be_written_down() -> None:
    watch, chain, journal = await a_watch()
    chain.branch, chain.final, journal.is_full = 1_000, PAID_IN + 5, True
    with pytest.raises(StoreUnavailable):
        await watch.look()
    journal.is_full = False
    assert len(await watch.look()) == 1
    assert await stopped(journal) == [(ChainScope(CHAIN_ID), FINALITY_BROKEN)]


async def test_what_a_person_let_go_is_not_held_again_for_the_same_break() -> None:
    watch, chain, journal = await a_watch()
    chain.branch, chain.final = 1_000, PAID_IN + 5
    assert len(await watch.look()) == 1
    await journal.release_hold(ChainScope(CHAIN_ID), FINALITY_BROKEN, "seen", NOW)
    chain.final += 1
    assert await watch.look() == ()
    assert await stopped(journal) == []


async def test_a_node_that_is_behind_breaks_nothing() -> None:
    watch, chain, journal = await a_watch()
    chain.final = PAID_IN - 10
    assert await watch.look() == ()
    chain.final = PAID_IN + 1
    assert await watch.look() == ()
    assert await stopped(journal) == []


DAY_S = 86_400


async def paid(journal: MemoryJournal, row: Occurrence, block: int, days: int) -> Occurrence:
    """Let a run end in a block, so many days later."""
    there = await included(journal, await sent(journal, row, seed=row.id), block=block)
    return await journal.record(replace(a_change(there, Event.FINALIZE), at=Timestamp(NOW + days * DAY_S)))


def woken(journal: MemoryJournal, chain: Chain) -> FinalityWatch:
    """Return the watch of a worker that just began."""
    return FinalityWatch(
        Services(journal, cast(Any, Clock())), cast(ChainContext, cast(Any, Context(chain, chain)))
    )


async def test_a_run_that_ended_last_is_looked_at_however_old_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finality, "LOOKED_AT", 2)
    journal = MemoryJournal()
    slow, *others = await claimed(journal, *(a_job(f"job-{number}") for number in range(4)))
    for row in others:
        await paid(journal, row, block=PAID_IN, days=0)
    await paid(journal, slow, block=PAID_IN + 1, days=1)

    chain = Chain(final=PAID_IN + 9, branch=1_000, forked_at=PAID_IN + 1)
    (undone,) = await woken(journal, chain).look()

    assert undone.id == slow.id


async def test_runs_of_other_chains_hide_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finality, "LOOKED_AT", 2)
    monkeypatch.setattr(finality, "MOST_LOOKED_AT", 2)
    journal = MemoryJournal()
    elsewhere = [replace(a_job(f"there-{number}"), chain_id=ChainId(5)) for number in range(3)]
    mine, *others = await claimed(journal, a_job("mine"), *elsewhere)
    await paid(journal, mine, block=PAID_IN, days=0)
    for row in others:
        await tell(journal, row, Event.GIVE_UP, reason="too late")

    (undone,) = await woken(journal, Chain(branch=1_000)).look()

    assert undone.id == mine.id


async def test_a_break_is_followed_down_to_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finality, "LOOKED_AT", 1)
    journal = MemoryJournal()
    rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(7)))
    for number, row in enumerate(rows):
        await paid(journal, row, block=PAID_IN + number, days=number)

    chain = Chain(final=PAID_IN + 9, branch=1_000, forked_at=PAID_IN + 1)
    undone = await woken(journal, chain).look()

    assert [row.id for row in undone] == [row.id for row in reversed(rows[1:])]


async def test_a_look_that_is_cut_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finality, "LOOKED_AT", 1)
    monkeypatch.setattr(finality, "MOST_LOOKED_AT", 4)
    journal = MemoryJournal()
    rows = await claimed(journal, *(a_job(f"job-{number}") for number in range(7)))
    for number, row in enumerate(rows):
        await paid(journal, row, block=PAID_IN + number, days=number)

    with capture_logs() as told:
        undone = await woken(journal, Chain(final=PAID_IN + 9, branch=1_000)).look()

    assert len(undone) == 4
    assert [(line["event"], line["looked_at"]) for line in told if "looked_at" in line] == [
        ("finality_look_cut", 4)
    ]
