"""Many runs race for the last of one limit: the journal lets through what the chain would, and no more."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.devnet.devnet import Devnet
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.pipeline.preflight import look
from agent.smart_sessions.preflight import limits
from tests.integration.paying import Paying, due_jobs, paying
from tests.operator import an_operator
from tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.devnet

RACERS = 32
LEFT = 5
LOOKS = 5
UNANSWERED = {"bundler_unavailable", "chain_unavailable"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'race.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(server.create())


async def uses(race: Paying) -> list[tuple[int, int]]:
    """Return used and limit of the session's uses, as the chain has them."""
    job = next(iter(race.world.jobs.values()))
    (seen,) = await look(race.world.services, job, await job.chain.reader.block("latest"))
    return [(use.used, use.limit) for use in limits(seen.grant, seen.counters) if use.unit == "uses"]


async def answered(race: Paying, run: Occurrence) -> Occurrence:
    return await race.pay(run.job_id) if run.code in UNANSWERED else run


async def test_no_more_is_sent_than_the_last_of_a_limit_allows(
    devnet: Devnet, tmp_path: Path, store_url: str
) -> None:
    names = [f"racer-{number}" for number in range(RACERS)]
    operator = await an_operator(devnet, tmp_path, due_jobs(names), uses=LEFT)
    async with paying(operator, store_url) as race:
        runs = await asyncio.gather(*(race.pay(name) for name in names))
        for _ in range(LOOKS):
            # A machine that is busy with many estimates may not answer one: that run looks again.
            runs = await asyncio.gather(*(answered(race, run) for run in runs))

        sent = [run for run in runs if run.state is State.SENT]
        refused = [run for run in runs if run not in sent]
        assert len(sent) == LEFT
        # What the bundler refuses with AA23 has that for its code.
        assert [run.code for run in sent] == ["accepted"] * LEFT
        assert {run.state for run in refused} == {State.DUE}
        assert {run.code for run in refused} <= {"budget_exceeded", "usage_limit"}
        assert all(run.not_before > 0 and run.nonce is None for run in refused)
        assert all(await asyncio.gather(*(race.included(operator, run) for run in sent)))
        assert await uses(race) == [(LEFT, LEFT)]

        again = await race.pay(refused[0].job_id)

        assert (again.state, again.code) == (State.DUE, "usage_limit")
        assert f"{LEFT} of {LEFT} uses used" in again.reason
        entries = await race.world.services.journal.entries(again.id)
        (told,) = json.loads(json.loads(entries[-1].data)["facts"]["violations"])
        assert (told["limit"], told["used"], told["asked"], told["left"]) == (LEFT, LEFT, 1, 0)
