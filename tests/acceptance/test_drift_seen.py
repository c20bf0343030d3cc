"""A running worker sees a stranger with its key within two blocks, and sends nothing until it is cleared."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agent.definitions.loader import load
from agent.devnet import chain
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, worker
from tests.acceptance.test_interruptions import command
from tests.acceptance.test_kill import holds
from tests.devnet import BLOCK_TIME_S, STARTS_BEFORE_NOW_S
from tests.integration.scenes import Scene, include

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def steal(stage: Stage) -> None:
    """Pay the payee a unit with the agent's own key and session, past the agent."""
    session = load(stage.folder, {}).sessions["rent"].session
    key = bytes.fromhex((stage.folder / "keys" / "worker.key").read_text().strip()[2:])
    scene = Scene(stage.devnet, stage.account, session, key)
    await include(stage.devnet, [await scene.op([scene.transfer(1, stage.payee)], lane=7)])


@pytest_asyncio.fixture(loop_scope="session")
async def still_chain(contracts_dir: Path | None) -> AsyncIterator[Devnet]:
    """A chain that may be made to stand still: afterwards it mines by whole seconds only."""
    await asyncio.to_thread(set_up)
    options = DevnetOptions(BLOCK_TIME_S, contracts_dir, starts_before_now_s=STARTS_BEFORE_NOW_S)
    async with running_devnet(options) as running:
        yield running


async def test_foreign_use_is_held_within_two_blocks(still_chain: Devnet, tmp_path: Path) -> None:
    devnet = still_chain
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await running.until(lambda: "recovered" in stage.log)
        await chain.set_block_time(devnet, None)
        try:
            await steal(stage)
            stolen_in = await chain.block_number(devnet)
            await chain.mine(devnet)
            # The chain stands still: however long it takes, the worker has seen these two blocks alone.
            await running.until(lambda: "foreign_use" in {code for _, code in holds(stage)})
            assert await chain.block_number(devnet) == stolen_in + 1
        finally:
            await chain.set_block_time(devnet, 1)
        await move_to(devnet, day)
        await running.until(lambda: (row := stage.row(day)) is not None and row.code == "held")
        assert (stage.payments(), stage.is_in(day, "due")) == (1, True)

        (hold,) = (await command(stage, "status", "--json")).json["holds"]
        assert (hold["session"], hold["code"]) == ("rent", "foreign_use")
        cleared = await command(stage, "sessions", "release", "rent", "--reason", "it was a trial")
        assert cleared.code == 0, cleared.err
        assert holds(stage) == set()
