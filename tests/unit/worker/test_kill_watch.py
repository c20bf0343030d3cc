"""The worker's side of the kill switch: ends, acknowledges, journals."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.adapters.clock import WallClock
from agent.adapters.kill_file import KillFile
from agent.adapters.memory import MemoryJournal
from agent.domain.errors import Held, StoreUnavailable
from agent.domain.hold import AllScope, Hold, JobScope, Scope
from agent.domain.kill import ACKNOWLEDGED, CANCELLING, KILLED, KillOrder
from agent.pipeline.context import Services
from agent.pipeline.gate import Gate
from agent.telemetry.health import Health
from agent.telemetry.metrics import Metrics
from agent.worker.kill_watch import KillWatch
from tests.builders import NOW

ALL, RENT = KillOrder(AllScope(), "1", "looks wrong"), KillOrder(JobScope("rent"), "2", "too")


class Watched:
    """A watch on a real file and a journal, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.switch = KillFile(folder / "journal.db.kill")
        self.journal = MemoryJournal()
        self.gate = Gate(self.switch)
        self.metrics, self.health = Metrics("0", "test"), Health()
        self.told: list[KillOrder] = []
        services = Services(self.journal, WallClock(), self.gate)
        self.watch = KillWatch(services, self.switch, self.metrics, self.health, self.tell)

    def tell(self, orders: Sequence[KillOrder]) -> None:
        self.told += orders

    async def holds(self) -> dict[tuple[Scope, str], str]:
        """Return the subject of each active hold."""
        return {(hold.scope, hold.code): hold.subject for hold in await self.journal.holds()}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_an_order_in_the_file_is_acknowledged_and_journaled(watched: Watched) -> None:
    watched.switch.add([ALL])
    await watched.watch.heed()
    assert watched.switch.acknowledged() == {"1"}
    await watched.watch.book()
    assert await watched.holds() == {(AllScope(), KILLED): "1"}
    await watched.watch.book()

    assert await watched.holds() == {(AllScope(), KILLED): "1", (AllScope(), ACKNOWLEDGED): "1"}
    (said,) = [hold for hold in await watched.journal.holds() if hold.code == ACKNOWLEDGED]
    assert str(os.getpid()) in said.reason
    assert watched.told == [ALL]


async def test_nothing_is_acknowledged_while_it_is_on_its_way(watched: Watched) -> None:
    connecting = asyncio.create_task(watched.gate.through([AllScope()], asyncio.Event().wait))
    await asyncio.sleep(0)
    watched.switch.add([ALL])
    heeding = asyncio.create_task(watched.watch.heed())
    await asyncio.sleep(0.01)
    assert (connecting.done(), watched.switch.acknowledged()) == (False, frozenset())
    await heeding

    assert isinstance(connecting.exception(), Held)
    assert watched.switch.acknowledged() == {"1"}


async def test_a_word_is_on_disk_before_it_is_acknowledged(watched: Watched) -> None:
    watched.gate.stop(ALL)
    await watched.watch.heed()
    assert KillFile(watched.switch.place).orders() == (ALL,)
    assert watched.switch.acknowledged() == {"1"}
    assert watched.gate.told() == ()


async def test_a_word_that_no_disk_takes_shuts_the_gate_and_is_journaled(watched: Watched) -> None:
    watched.switch.place.mkdir()
    (watched.switch.place / "in the way").touch()
    watched.gate.stop(RENT)
    with pytest.raises(StoreUnavailable):
        await watched.watch.heed()
    await watched.watch.book()
    assert (JobScope("rent"), KILLED) in await watched.holds()
    with pytest.raises(Held):
        watched.gate.refuse([JobScope("rent")])


async def test_a_kill_that_only_the_journal_knows_is_heeded(watched: Watched) -> None:
    await watched.journal.hold(Hold(AllScope(), KILLED, "from elsewhere", NOW, "9"))
    await watched.watch.book()
    with pytest.raises(Held, match="from elsewhere"):
        watched.gate.refuse([AllScope()])
    assert (await watched.holds())[AllScope(), ACKNOWLEDGED] == "9"


async def test_the_acknowledgement_of_a_kill_that_was_let_go_is_over(watched: Watched) -> None:
    await watched.journal.hold(Hold(AllScope(), ACKNOWLEDGED, "an older one", NOW, "8"))
    await watched.journal.hold(Hold(AllScope(), KILLED, "a newer one", NOW, "9"))
    await watched.watch.book()
    assert await watched.holds() == {(AllScope(), KILLED): "9", (AllScope(), ACKNOWLEDGED): "9"}

    await watched.journal.release_hold(AllScope(), KILLED, "all is well", NOW)
    await watched.watch.book()
    assert await watched.holds() == {}


async def test_a_kill_of_another_kind_takes_the_place_of_the_first(watched: Watched) -> None:
    watched.switch.add([ALL])
    await watched.watch.book()
    watched.switch.add([KillOrder(AllScope(), "3", "cancel it", cancels=True)])
    await watched.watch.book()
    await watched.watch.book()
    assert await watched.holds() == {(AllScope(), CANCELLING): "3", (AllScope(), ACKNOWLEDGED): "3"}


async def test_every_order_is_heeded_once_until_it_is_given_anew(watched: Watched) -> None:
    for _ in range(2):
        watched.switch.add([RENT])
        await watched.watch.heed()
        await watched.watch.heed()
        watched.switch.remove([RENT.scope])
        await watched.watch.heed()
    assert watched.told == [RENT, RENT]


async def test_what_else_fails_about_an_order_delays_no_acknowledgement(tmp_path: Path) -> None:
    watched = Watched(tmp_path)

    def fail(_orders: Sequence[KillOrder]) -> None:
        raise StoreUnavailable("no folder for revocations")

    services = Services(watched.journal, WallClock(), watched.gate)
    watch = KillWatch(services, watched.switch, watched.metrics, watched.health, fail)
    watched.switch.add([ALL])
    with pytest.raises(StoreUnavailable):
        await watch.heed()
    assert watched.switch.acknowledged() == {"1"}
    await watch.heed()


async def test_probes_and_metrics_show_what_is_stopped(watched: Watched) -> None:
    watched.switch.add([ALL])
    await watched.journal.hold(Hold(JobScope("rent"), "breaker_reverts", "3 of 3", NOW))
    await watched.watch.book()

    assert watched.health.stops == ("all: killed", "job:rent: breaker_reverts")
    page = watched.metrics.render().decode()
    assert 'sessionkeeper_holds{code="killed",scope="all"} 1.0' in page
    assert watched.health.liveness().ok
