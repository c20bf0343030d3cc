"""A reorg past finality: the chain is stopped, and what ended in the lost blocks waits for a person."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from tests.acceptance.stage import a_stage, move_to, next_days, run_once, worker
from tests.acceptance.test_interruptions import command
from tests.acceptance.test_trouble import code, raise_nonce, resolve

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_payment_whose_final_block_leaves_the_chain_is_held_and_the_chain_stopped(
    devnet: Devnet, tmp_path: Path
) -> None:
    day, after = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await move_to(devnet, day)
        await running.until(partial(stage.is_paid, day))
        row = stage.row(day)
        assert row is not None
        assert row.inclusion is not None
        await chain.reorg_from(devnet, int(row.inclusion["block_number"]))
        await running.until(lambda: stage.is_in(day, "held"))

    assert code(stage, day) == "finality_broken"
    assert "finality_broken" in stage.log
    status = (await command(stage, "status", "--json")).json
    assert "finality_broken" in str(status)

    await move_to(devnet, after)
    assert await run_once(stage) == 0
    assert (stage.payments(), stage.is_in(after, "due")) == (0, True)

    # The chain has no payment, and what was signed could still land: the owner makes it void.
    await raise_nonce(stage)
    await chain.mine(devnet, 3)
    resolve(stage, day, "--unpaid")
    scope = ("--scope", "chain:31337", "--code", "finality_broken", "--reason", "asked another node")
    let_go = await command(stage, "unkill", *scope)
    assert let_go.code == 0, let_go.err
    await move_to(devnet, after, hour=1)
    assert await run_once(stage) == 0
    assert stage.is_paid(after)
    assert (stage.findings(unpaid=(day,)), stage.payments()) == ([], 1)


async def test_break_that_nobody_saw_is_found_at_the_start(devnet: Devnet, tmp_path: Path) -> None:
    (day,) = await next_days(devnet, 1)
    stage = await a_stage(devnet, tmp_path, start=day)
    with worker(stage) as running:
        await move_to(devnet, day)
        await running.until(partial(stage.is_paid, day))
    row = stage.row(day)
    assert row is not None
    assert row.inclusion is not None
    await chain.reorg_from(devnet, int(row.inclusion["block_number"]))

    with worker(stage) as running:
        await running.until(lambda: stage.is_in(day, "held"))

    assert code(stage, day) == "finality_broken"
