"""Random chains, reorgs, restarts and silences: each crossing is one firing, and none is lost in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from agent.domain.errors import StoreUnavailable
from agent.domain.firing import Firing
from agent.domain.journal import Change
from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, Event
from agent.domain.units import Hash32, Timestamp
from agent.worker.watcher import Watcher
from tests.builders import NOW
from tests.unit.worker.watch_stage import FakeChain, Stage, WatchSpec, number

STORMS = 150
STEPS = 150
LOW, BETWEEN, HIGH = 90, 105, 115
DEEPEST = 3


class LossyJournal:
    """A store that fails now and then, before or after it has committed a firing."""

    def __init__(self, stage: Stage, rng: Random) -> None:
        self._fire = stage.journal.fire
        self._rng = rng
        self.calm = False

    async def fire(self, firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        """Fire, or fail."""
        if not self.calm and self._rng.random() < 1 / 6:
            raise StoreUnavailable("the disk is full")
        rows = await self._fire(firings, at)
        if not self.calm and self._rng.random() < 1 / 6:
            raise StoreUnavailable("the connection was lost")
        return rows


@dataclass
class Storm:
    """What happens to one watcher, and what it saw."""

    rng: Random
    stage: Stage = field(default_factory=lambda: Stage({"order": WatchSpec()}))
    known: set[Hash32] = field(default_factory=set)
    """The chain up to the block of the last firing, as it was then."""
    fired: int = 0

    async def play(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Play it, then let the weather calm down, and check."""
        await self.stage.enrol()
        journal = LossyJournal(self.stage, self.rng)
        monkeypatch.setattr(self.stage.journal, "fire", journal.fire)
        chain, watcher = self.stage.chain, self.stage.watcher()
        for _ in range(STEPS):
            watcher = await self.step(watcher)
            await self.check()
            chain.final = max(chain.final, len(chain.blocks) - 1 - DEEPEST)
        chain.out, journal.calm = False, True
        await self.stage.journal.resume("order", NOW)
        # A chain that is shorter than it was is taken for a node behind, until it is as long again.
        for _ in range(DEEPEST + 1):
            await self.look(watcher, HIGH)
            await self.check()
        await self.settle()
        before = self.fired
        await self.look(watcher, LOW)
        await self.check()
        assert self.fired == before + 1

    async def step(self, watcher: Watcher) -> Watcher:
        """Let one thing happen."""
        chain, price = self.stage.chain, self.rng.choice((LOW, BETWEEN, HIGH))
        match self.rng.randrange(16):
            case 0 | 1 | 2:
                self.reorg()
            case 3 | 4:
                watcher = self.stage.watcher()
            case 5:
                chain.out = not chain.out
            case 6:
                await watcher.poll(self.rng.choice(chain.blocks[chain.final :]))
            case 7 | 8 | 9:
                await self.person()
            case 10:
                chain.mine(price=price)
            case _:
                await self.look(watcher, price)
        return watcher

    def reorg(self) -> None:
        """Put others in the place of blocks that are not final, more or fewer of them."""
        chain, depth = self.stage.chain, self.rng.randint(1, DEEPEST)
        if len(chain.blocks) - 1 - depth >= chain.final:
            chain.reorg(depth)
            for _ in range(self.rng.randint(0, depth + 1)):
                chain.mine(price=self.rng.choice((LOW, BETWEEN, HIGH)))

    async def person(self) -> None:
        """Let the open firing end, or pause the job, or resume it."""
        journal = self.stage.journal
        match self.rng.randrange(5):
            case 0:
                await journal.pause("order", "", NOW)
            case 1:
                await journal.resume("order", NOW)
            case _:
                await self.settle()

    async def look(self, watcher: Watcher, price: int) -> None:
        """Mine a block and show it, twice as a poll after a failure does."""
        block = self.stage.chain.mine(price=price)
        await watcher.poll(block)
        await watcher.poll(block)

    async def settle(self) -> None:
        """Let every open firing end."""
        for row in await self.stage.journal.occurrences():
            if row.state not in TERMINAL:
                await self.stage.journal.record(Change(row.id, row.version, Event.SKIP, NOW))

    async def check(self) -> None:
        """Say that a new firing is one, and that the chain had armed it since the one before."""
        rows = await self.stage.journal.occurrences()
        assert [row.slot for row in rows] == [str(place + 1) for place in range(len(rows))]
        assert len(rows) - self.fired in {0, 1}
        if len(rows) > self.fired:
            assert self.fired == 0 or self.was_armed(), f"firing {len(rows)} was not armed"
            self.fired = len(rows)
            at = (await self.stage.journal.triggers(["order"]))["order"].seen.block_number
            self.known = {block.hash for block in self.stage.chain.blocks[: at + 1]}

    def was_armed(self) -> bool:
        """Say whether the chain has had a high number in a block that the last firing did not know."""
        chain: FakeChain = self.stage.chain
        high = [
            block.hash
            for block, values in zip(chain.blocks, chain.values, strict=True)
            if values.get(number("price")) == HIGH.to_bytes(32, "big")
        ]
        return any(block_hash not in self.known for block_hash in high)


@pytest.mark.parametrize("seed", range(STORMS))
async def test_storm(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await Storm(Random(seed)).play(monkeypatch)
