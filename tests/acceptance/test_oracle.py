"""The oracle finds what it is there to find."""

from pathlib import Path

import pytest

from agent.definitions.loader import load
from agent.devnet.devnet import Devnet
from agent.domain.units import bytes_from_hex
from tests.acceptance.oracle.periods import periods
from tests.acceptance.stage import Stage, a_stage, move_to, next_days, run_once
from tests.integration.scenes import Scene, include

OFTEN = {
    "calendar": "monthly",
    "day": "31",
    "at": "09:00",
    "time_zone": "Europe/Berlin",
    "start": "2026-01-01",
}


@pytest.mark.devnet
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_a_second_payment_of_a_period_and_an_unpaid_period_are_found(
    devnet: Devnet, tmp_path: Path
) -> None:
    first, second = await next_days(devnet, 2)
    stage = await a_stage(devnet, tmp_path, start=first)
    await move_to(devnet, first)
    assert await run_once(stage) == 0
    assert stage.findings() == []

    await pay_by_hand(stage)
    assert {"I1", "I4"} == {finding.rule for finding in stage.findings()}

    await move_to(devnet, second)
    lost = [finding for finding in stage.findings() if finding.slot == second]
    assert {"I2"} == {finding.rule for finding in lost}
    assert stage.findings(unpaid=(first,))[0].rule == "I1"


async def pay_by_hand(stage: Stage) -> None:
    """Pay the period again under the same session, past the agent and its journal."""
    key = bytes_from_hex((stage.folder / "keys" / "worker.key").read_text().strip())
    session = load(stage.folder, {}).sessions["rent"].session
    scene = Scene(stage.devnet, stage.account, session, key)
    await include(stage.devnet, [await scene.op([scene.transfer(10_000_000, stage.payee)], lane=7)])


@pytest.mark.parametrize(
    ("schedule", "names"),
    [
        (OFTEN, ["2026-01", "2026-02", "2026-03", "2026-04"]),
        (OFTEN | {"month_end": "skip"}, ["2026-01", "2026-03"]),
        (OFTEN | {"count": "2"}, ["2026-01", "2026-02"]),
        (OFTEN | {"end": "2026-03-31"}, ["2026-01", "2026-02", "2026-03"]),
        (
            {"interval": "30d", "start": "2026-01-01T00:00:00Z", "count": "2"},
            ["20260101T000000Z.2592000s.0", "20260101T000000Z.2592000s.1"],
        ),
    ],
)
def test_its_calendar_knows_months_and_intervals(schedule: dict[str, str], names: list[str]) -> None:
    end_of_april = 1_777_593_600
    assert [name for name, _ in periods(schedule, end_of_april)] == names


def test_its_calendar_follows_daylight_saving() -> None:
    due = [at for _, at in periods(OFTEN, 1_777_593_600)]
    assert [at % 86_400 // 3_600 for at in due] == [8, 8, 7, 7]
