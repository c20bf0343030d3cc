"""Many jobs of one account are due at once: all are paid, a few at a time."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.bootstrap import World
from agent.cli.loading import load_definitions, settings_for
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.states import State
from agent.erc4337.bundler_actions import SENDER_CAP
from agent.ports import Bundler, Journal
from agent.service import serve_worker
from tests.integration.paying import due_jobs
from tests.operator import an_operator

pytestmark = pytest.mark.devnet
JOBS = 10


@dataclass
class CountingBundler:
    """A bundler that notes how many operations are on their way whenever it gets one."""

    bundler: Bundler
    journal: Journal
    counts: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self.bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Count, then send."""
        self.counts.append(len(await self.journal.occurrences((State.SIGNED, State.SENT))))
        return await self.bundler.send(operation)


async def test_jobs_of_one_account_take_turns(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, due_jobs([f"rent-{number}" for number in range(JOBS)]))
    # The account's own: what earlier tests left on its way may still reach the payee.
    account = operator.account.address
    before = await token_balance(devnet, devnet.usdc, account)
    counting: list[CountingBundler] = []

    def counted(world: World) -> World:
        jobs = {}
        for name, job in world.jobs.items():
            counting.append(CountingBundler(job.chain.bundlers[0], world.services.journal))
            bundlers: tuple[Bundler, ...] = (counting[-1],)
            jobs[name] = replace(job, chain=replace(job.chain, bundlers=bundlers))
        return replace(world, jobs=jobs)

    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    await serve_worker(settings, definitions, once=True, on_started=lambda _: None, wrap=counted)

    assert await token_balance(devnet, devnet.usdc, account) == before - JOBS * 1_000_000
    counts = [count for one in counting for count in one.counts]
    assert len(counts) >= JOBS
    assert max(counts) <= SENDER_CAP
