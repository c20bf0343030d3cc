"""A breaker on a real worker: it stops the account, outlives a kill -9, and waits for a person."""

from functools import partial
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, worker
from tests.acceptance.test_kill import command, holds

pytestmark = [pytest.mark.devnet, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


def limit(stage: Stage, breakers: str) -> None:
    """Write breakers into the configuration."""
    file = stage.folder / "sessionkeeper.yaml"
    text = file.read_text()
    assert text.count("    fees: {") == 1
    file.write_text(text.replace("    fees: {", f"    breakers: {{{breakers}}}\n    fees: {{"))


def is_held(stage: Stage, day: str) -> bool:
    """Tell whether the day's run waits for somebody to let something go."""
    row = stage.row(day)
    return row is not None and (row.state, row.code) == ("due", "held")


def is_stopped(stage: Stage, day: str) -> bool:
    """Tell whether what was signed for the day was stopped on its way out."""
    row = stage.row(day)
    return row is not None and (row.state == "signed" or (row.state, row.code) == ("sent", "unknown"))


async def test_more_than_is_usual_stops_the_account_until_a_person_resets_it(
    devnet: Devnet, tmp_path: Path
) -> None:
    first, second, third = await next_days(devnet, 3)
    stage = await a_stage(devnet, tmp_path, start=first)
    limit(stage, "spend: ['15 USDC'], spend_within: 3d")
    scope = f"account:31337/{stage.account.address}"
    with worker(stage) as running:
        await move_to(devnet, first)
        await running.until(partial(stage.is_paid, first))
        await move_to(devnet, second)
        await running.until(lambda: (scope, "breaker_spend") in holds(stage))
        # It trips by what is signed: that may be stopped before it has left, and then goes on with the rest.
        await running.until(lambda: stage.is_paid(second) or is_stopped(stage, second))
        running.kill()

    await move_to(devnet, third)
    with worker(stage) as running:
        await running.until(lambda: is_held(stage, third) or is_stopped(stage, second))
        (held,) = (await command(stage, "status", "--json")).json["holds"]
        assert held["reason"] == "20 USDC signed away within 3d, at most 15 USDC are usual"
        done = await command(
            stage, "unkill", "--account", str(stage.account.address), "--reason", "all is well"
        )
        assert done.code == 0
        await move_to(devnet, third, hour=1)
        await running.until(lambda: stage.is_paid(first, second, third))
    assert stage.findings() == []
    assert "breaker_tripped" in stage.log
