"""The contracts answer like the recorded ones."""

import asyncio
from pathlib import Path

import pytest

from agent.devnet.setup import set_up
from tests.traces.contracts_backend import replay_on_contracts
from tests.traces.replay import sequences_in

TRACES = Path(__file__).parents[1] / "vectors" / "traces.jsonl.gz"
RECORDED_STEPS = 24_540

pytestmark = [pytest.mark.devnet, pytest.mark.slow]


async def test_every_recorded_step_gets_the_same_answer(contracts_dir: Path | None) -> None:
    await asyncio.to_thread(set_up)

    report = await replay_on_contracts(sequences_in(TRACES), contracts_dir)

    assert report.first_disagreements == []
    assert (report.agree, report.steps, report.skipped) == (RECORDED_STEPS, RECORDED_STEPS, 0)
