"""What a worker does first when it starts: it writes down what the chain decided, and sends nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.domain.states import Event, State
from agent.pipeline.context import Services
from agent.pipeline.follow import LogScan
from agent.pipeline.ladder import FAIR_PRICE_PATIENCE
from agent.ports import Bundler
from agent.telemetry.metrics import Metrics
from agent.worker.first_look import first_look
from agent.worker.observer import Observer
from tests.integration.paying import Paying, due_jobs, paying
from tests.integration.story import LateBundler
from tests.operator import CHAIN_ID, an_operator

pytestmark = pytest.mark.devnet
VERY_LATE_S = 61 * FAIR_PRICE_PATIENCE


async def nothing() -> None:
    """Happens before an operation is sent."""


def before_a_deaf_bundler(work: Paying) -> Paying:
    """Return the world with a bundler that never gets what is sent to it."""
    here = work.world.chains[CHAIN_ID]
    deaf = LateBundler(here.bundlers[0], nothing)
    deaf.is_deaf = True
    bundlers: tuple[Bundler, ...] = (deaf,)
    changed = replace(here, bundlers=bundlers)
    jobs = {name: replace(job, chain=changed) for name, job in work.world.jobs.items()}
    return Paying(replace(work.world, jobs=jobs, chains={CHAIN_ID: changed}), work.runs)


async def looked(work: Paying) -> Services:
    await first_look(work.world.services, work.world.chains, work.world.jobs, Observer(Metrics("0", "test")))
    return work.world.services


async def test_what_landed_is_decided_and_what_is_out_of_sight_is_not_sent(
    devnet: Devnet, tmp_path: Path
) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs(["rent", "gym"]))
    async with paying(operator) as work:
        rent = await work.pay("rent")
        assert await work.included(operator, rent)
        lost = before_a_deaf_bundler(work)
        gym = await lost.pay("gym")
        assert (gym.state, gym.code) == (State.SENT, "unknown")
        await chain.increase_time(devnet, VERY_LATE_S)

        journal = (await looked(lost)).journal
        assert (await journal.occurrence(rent.id)).state in (State.INCLUDED_OK, State.FINAL_OK)
        assert await journal.occurrence(gym.id) == gym
        assert [entry.event for entry in await journal.entries(gym.id)].count(Event.SEND) == 1

        # The worker itself would have sent it.
        await lost.look(gym, LogScan())
        assert [entry.event for entry in await journal.entries(gym.id)].count(Event.SEND) == 2
