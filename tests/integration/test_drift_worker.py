"""A worker under a session that drifted, and what failed operations leave behind."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent.bootstrap import Store, World, Wrap, opened
from agent.cli.loading import load_definitions, settings_for
from agent.commands.session_release import release_session
from agent.commands.session_usage import session_usage
from agent.devnet import chain
from agent.devnet.accounts import send_as_owner
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.call import Call
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.states import State
from agent.domain.units import Timestamp, Wei
from agent.pipeline.context import ChainContext
from agent.ports import Bundler
from agent.service import serve_worker, unwrapped
from tests.builders import an_occurrence
from tests.integration.scenes import transfer_data
from tests.integration.test_drift import ELSEWHERE, enable_again
from tests.operator import CHAIN_ID, Operator, an_operator

pytestmark = pytest.mark.devnet

PAY = """\
id: pay
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 1d, anchor: "2020-01-01T00:00:00Z"}
spec: {amount: "AMOUNT", payee: "{payee}"}
grace: 20h
retry: []
"""


async def served(operator: Operator, wrap: Wrap = unwrapped) -> Occurrence:
    """Run the worker until it has nothing to do, and return the newest run."""
    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    await serve_worker(settings, definitions, once=True, on_started=lambda _: None, wrap=wrap)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        newest = await world.services.journal.occurrences(limit=1, newest_first=True)
    return newest[0] if newest else an_occurrence()


async def next_day(devnet: Devnet) -> None:
    now = await chain.block_time(devnet)
    await chain.move_time_to(devnet, Timestamp((now // 86_400 + 1) * 86_400 + 60))


async def test_a_worker_sends_nothing_under_a_session_that_drifted(devnet: Devnet, tmp_path: Path) -> None:
    operator = await an_operator(devnet, tmp_path, [PAY.replace("AMOUNT", "10 USDC")])
    await served(operator)
    await enable_again(operator)
    await next_day(devnet)

    waiting = await served(operator)
    assert (waiting.state, waiting.code, waiting.user_op_hash) == (State.DUE, "held", None)
    assert "session_re_enabled" in waiting.reason
    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        here, main = world.chains[CHAIN_ID], world.definitions.sessions["main"]
        journal = world.services.journal
        await release_session(
            journal, here, main, Timestamp(1), reason="the owner meant it", although_it_differs=False
        )
    await chain.increase_time(devnet, 30)

    assert (await served(operator)).state is State.FINAL_OK


class DrainingBundler:
    """A real bundler, in front of which the owner takes the money away at the last moment."""

    def __init__(self, bundler: Bundler, operator: Operator) -> None:
        self._bundler = bundler
        self._operator = operator
        self.name = bundler.name
        self.supported_entry_points = bundler.supported_entry_points
        self.estimate = bundler.estimate
        self.fee_floor = bundler.fee_floor

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        devnet, account = self._operator.devnet, self._operator.account
        rest = await token_balance(devnet, devnet.usdc, account.address)
        await send_as_owner(devnet, account, [Call(devnet.usdc, Wei(0), transfer_data(ELSEWHERE, rest))])
        return await self._bundler.send(operation)


def draining(operator: Operator, world: World) -> World:
    def drained(here: ChainContext) -> ChainContext:
        return replace(here, bundlers=tuple(DrainingBundler(one, operator) for one in here.bundlers))

    jobs = {name: replace(job, chain=drained(job.chain)) for name, job in world.jobs.items()}
    return replace(world, jobs=jobs, chains={key: drained(here) for key, here in world.chains.items()})


async def used_of_usdc(operator: Operator) -> tuple[int, int, int, int]:
    """Return what is used of the session's USDC, of it burned, what is reserved, and the epoch."""
    settings = settings_for(operator.config)
    definitions = load_definitions(settings, with_jobs=False)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        usage = await session_usage(
            world.chains[CHAIN_ID], world.services.journal, definitions.sessions["main"]
        )
    (line,) = [line for line in usage.lines if line.use.unit == "token"]
    return line.use.used, line.burned, line.reserved, usage.epoch


async def test_what_a_reverted_operation_used_is_shown_apart_until_the_next_epoch(
    devnet: Devnet, tmp_path: Path
) -> None:
    operator = await an_operator(devnet, tmp_path, [PAY.replace("AMOUNT", "10 USDC")], usdc=10_000_000)
    await served(operator)
    await next_day(devnet)

    failed = await served(operator, wrap=partial(draining, operator))
    assert failed.inclusion is not None
    assert not failed.inclusion.success
    assert await used_of_usdc(operator) == (10_000_000, 10_000_000, 0, 1)

    await enable_again(operator)
    await served(operator)
    assert await used_of_usdc(operator) == (0, 0, 0, 2)
