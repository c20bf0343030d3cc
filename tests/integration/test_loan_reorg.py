"""A reorg takes back the revert of a loan's action that was tried again before it was final."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.bootstrap import Store, World, opened
from agent.cli.loading import load_definitions, settings_for
from agent.devnet import chain, rpc
from agent.devnet.defi.aave import set_paused, variable_debt
from agent.devnet.defi.chainlink import DOLLAR
from agent.devnet.defi.loans import BORROWED
from agent.devnet.defi.market import USDC, Market, deploy_market
from agent.devnet.defi.moves import calm, pass_time, set_oracle_price
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.domain.occurrence import Inclusion, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.states import Event, State
from agent.domain.units import Hash32
from agent.pipeline.confirm import CONFIRMATIONS
from agent.pipeline.receipt import inclusions
from agent.ports import Bundler
from agent.service import serve_worker
from tests.bundling import bundling_stopped
from tests.devnet import BLOCK_TIME_S, HAPPENS_WITHIN_S, STARTS_BEFORE_NOW_S
from tests.integration.lending import Job, aave_spec, an_aave_borrower, an_agent, books, terms

pytestmark = [pytest.mark.devnet, pytest.mark.slow]
OPTIONS = DevnetOptions(BLOCK_TIME_S, starts_before_now_s=STARTS_BEFORE_NOW_S)
FINAL_AFTER = 64
"""Blocks: the reorg here is within finality."""
LATE_FINALITY = f"    finality: {{depth: {FINAL_AFTER}}}\n"
LOOK_S, STEP_S, DAY_S = 0.2, 5, 86_400
FEW = 40
"""Blocks: enough for the worker to try again, and less than it takes to be final, however slow it is."""
DAY_CAP = 3_500 * USDC
"""Room for one whole action, and for a part of another."""


@pytest_asyncio.fixture
async def own_market() -> AsyncIterator[Market]:
    """A market on a chain of its own: what this test does to the chain is nothing to build on."""
    await asyncio.to_thread(set_up)
    async with running_devnet(OPTIONS) as devnet:
        found = await deploy_market(devnet)
        # A day's cap is counted by the UTC day: this one is to last.
        now = await chain.block_time(devnet)
        await pass_time(devnet, DAY_S - now % DAY_S + 60)
        await calm(found)
        yield found


@dataclass
class Sends:
    """A bundler, and all that was sent to it."""

    bundler: Bundler
    sent: list[JournaledOperation] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self.bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Note it and send it."""
        self.sent.append(operation)
        return await self.bundler.send(operation)


async def test_the_old_bytes_fill_the_gap_that_a_reorg_left_and_both_are_counted(
    own_market: Market, tmp_path: Path
) -> None:
    market, devnet = own_market, own_market.devnet
    borrower = await an_aave_borrower(market)
    await _an_agent(market, tmp_path, Job("loan", borrower, aave_spec(market, _terms())))

    async with bundling_stopped(devnet) as bundling, _worker(tmp_path) as sent:
        await set_oracle_price(market, 1_860 * DOLLAR)
        await _until(devnet, lambda: _was_sent(sent, 0))
        # From here on a block comes only as this test, or a transaction, asks for one.
        await chain.set_block_time(devnet, 0)
        untouched = await chain.block_number(devnet)
        await set_paused(devnet, market.aave, market.usdc, is_paused=True)
        await bundling.go_on()
        await _until(devnet, lambda: _is(tmp_path, State.INCLUDED_FAIL), blocks=0)
        await bundling.stop()
        await set_paused(devnet, market.aave, market.usdc, is_paused=False)
        failed = await _run(tmp_path)
        assert failed.inclusion is not None
        assert await chain.block_number(devnet) < failed.inclusion.block_number + CONFIRMATIONS
        assert not _sequences(sent) - {0}

        await _until(devnet, lambda: _was_sent(sent, 1), blocks=FEW)
        assert await chain.block_number(devnet) < failed.inclusion.block_number + FINAL_AFTER
        first, second = (await books(tmp_path)).operations["loan"]
        assert (first.nonce.sequence, second.nonce.sequence) == (0, 1)

        before = len(sent)
        await chain.reorg_from(devnet, untouched + 1)
        assert await _seen(tmp_path, first) == {}
        # Alto does not take back what it believes to be included: a bundler that follows the chain would.
        await rpc.call(devnet.bundler_url, "debug_bundler_clearState")
        await bundling.go_on()
        await _until(devnet, lambda: _is(tmp_path, State.INCLUDED_OK))
        await chain.mine(devnet, FINAL_AFTER)
        await _until(devnet, lambda: _is_settled(tmp_path))

    # What fills the gap comes first, and it is what was signed then, to the byte.
    assert sent[before] == first
    signed = (await books(tmp_path)).operations["loan"]
    assert [item for item in signed if item.nonce.sequence == 0] == [first]
    assert {item.nonce.sequence for item in signed} == {0, 1}
    assert await _fillings(tmp_path) == {("0", str(first.user_op_hash))}

    run = await _run(tmp_path)
    assert (run.slot, run.state, run.reason, run.nonce) == ("1", State.FINAL_OK, "", second.nonce)
    assert (await _seen(tmp_path, first))[first.user_op_hash].success
    owed = await variable_debt(devnet, market.aave, market.usdc, borrower.account.address)
    assert list((await _spent(tmp_path)).values()) == [DAY_CAP]
    assert BORROWED - DAY_CAP <= owed < BORROWED - DAY_CAP + 2 * USDC


def _terms() -> str:
    return terms(most="10000 USDC", per_day=f"{DAY_CAP // USDC} USDC", more="retry: [1s, 1s, 1s]\n")


async def _an_agent(market: Market, folder: Path, job: Job) -> None:
    await an_agent(market, folder, [job])
    config = folder / "sessionkeeper.yaml"
    config.write_text(config.read_text().replace("    tokens:\n", LATE_FINALITY + "    tokens:\n"))
    # What the account is and was granted is older than any reorg.
    await chain.mine(market.devnet, FINAL_AFTER)


@asynccontextmanager
async def _worker(folder: Path) -> AsyncIterator[list[JournaledOperation]]:
    """Run the worker; yield what it sends, as it sends it."""
    settings, sent = settings_for(folder), list[JournaledOperation]()
    stops = list[Callable[[], None]]()

    def noting(world: World) -> World:
        jobs = {}
        for name, job in world.jobs.items():
            bundlers: tuple[Bundler, ...] = (Sends(job.chain.bundlers[0], sent),)
            jobs[name] = replace(job, chain=replace(job.chain, bundlers=bundlers))
        return replace(world, jobs=jobs)

    definitions = load_definitions(settings)
    work = serve_worker(settings, definitions, once=False, on_started=stops.append, wrap=noting)
    running = asyncio.create_task(work)
    try:
        yield sent
    finally:
        for stop in stops:
            stop()
        if not stops:
            running.cancel()
        await running


async def _until(
    devnet: Devnet, happened: Callable[[], Awaitable[bool]], *, blocks: int | None = None
) -> None:
    """Wait for something, over a block and some seconds of chain time at a look, so many at the most."""
    made = itertools.count()
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while not await happened():
            if blocks is None or next(made) < blocks:
                await chain.increase_time(devnet, STEP_S)
            await asyncio.sleep(LOOK_S)


def _sequences(sent: list[JournaledOperation]) -> set[int]:
    return {item.nonce.sequence for item in sent}


async def _was_sent(sent: list[JournaledOperation], sequence: int) -> bool:
    return sequence in _sequences(sent)


async def _run(folder: Path) -> Occurrence:
    (run,) = (await books(folder)).runs["loan"]
    return run


async def _is(folder: Path, state: State) -> bool:
    runs = (await books(folder)).runs["loan"]
    return bool(runs) and runs[0].state is state


async def _is_settled(folder: Path) -> bool:
    return (await _run(folder)).settled


async def _fillings(folder: Path) -> set[tuple[str, str]]:
    """Return which sequence was filled with which operation, by the journal."""
    async with _opened(folder) as world:
        entries = await world.services.journal.entries()
    told = [json.loads(entry.data)["facts"] for entry in entries if entry.event == Event.SEND]
    return {(facts["fills"], facts["user_op_hash"]) for facts in told if "fills" in facts}


async def _spent(folder: Path) -> Mapping[str, int]:
    async with _opened(folder) as world:
        return await world.services.journal.spent()


async def _seen(folder: Path, *operations: JournaledOperation) -> Mapping[Hash32, Inclusion]:
    """Return where operations stand on the chain."""
    hashes = [item.user_op_hash for item in operations]
    async with _opened(folder) as world:
        (found,) = world.chains.values()
        head = await found.agreed.block("latest")
        first = min(item.planned_at_block for item in operations)
        return await inclusions(found.agreed, found.entry_point, hashes, first - FINAL_AFTER, head.number)


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[World]:
    settings = settings_for(folder)
    async with opened(settings, load_definitions(settings), store=Store.SHARED, keys=False) as world:
        yield world
