"""Everything a network may do between the worker and its node and bundler: each slot is paid once."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.pipeline.ladder import KNOWN_THERE
from tests.acceptance.behind_proxies import Proxied, proxied
from tests.acceptance.oracle.books import Row
from tests.acceptance.proxy import ESTIMATE, HEAD, RECEIPT, SEND, Mode, Strike
from tests.acceptance.stage import (
    Stage,
    a_stage,
    add_job,
    impatient_worker,
    move_to,
    next_days,
    until,
    worker,
)
from tests.pace import LOOK_S

pytestmark = [
    pytest.mark.devnet,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]
LOGS, CALL = "eth_getLogs", "eth_call"
SEED = 20_261_121


@dataclass(frozen=True)
class Case:
    """What strikes at the node and at the bundler."""

    node: Sequence[Strike] = ()
    bundler: Sequence[Strike] = ()


def times(mode: Mode, **methods: int) -> list[Strike]:
    """Make a strike for each method, so many times."""
    return [Strike(mode, frozenset({name}), count) for name, count in methods.items()]


def everywhere(chance: float) -> list[Strike]:
    """Make a strike of each kind for every method, at this chance."""
    methods = frozenset({LOGS, CALL, HEAD, RECEIPT, SEND, ESTIMATE})
    quick = [mode for mode in Mode if mode not in (Mode.DRIP, Mode.LIE, Mode.STALE)]
    return [Strike(mode, methods, None, chance) for mode in quick]


CASES: Mapping[str, Case] = {
    Mode.DELAY: Case(
        times(Mode.DELAY, eth_call=3, eth_getLogs=2, eth_getTransactionReceipt=1),
        times(Mode.DELAY, eth_estimateUserOperationGas=1, eth_sendUserOperation=1),
    ),
    Mode.CUT: Case(
        times(Mode.CUT, eth_call=2, eth_getBlockByNumber=2, eth_getLogs=1),
        times(Mode.CUT, eth_estimateUserOperationGas=1, eth_sendUserOperation=2),
    ),
    Mode.SWALLOW: Case(
        times(Mode.SWALLOW, eth_call=2, eth_getLogs=1), times(Mode.SWALLOW, eth_sendUserOperation=2)
    ),
    Mode.DUPLICATE: Case(
        times(Mode.DUPLICATE, eth_call=2, eth_getLogs=2), times(Mode.DUPLICATE, eth_sendUserOperation=2)
    ),
    Mode.REORDER: Case(times(Mode.REORDER, eth_call=3), times(Mode.REORDER, eth_sendUserOperation=2)),
    Mode.STALE: Case(times(Mode.STALE, eth_getBlockByNumber=30)),
    Mode.LIE: Case(times(Mode.LIE, eth_getTransactionReceipt=3), times(Mode.LIE, eth_sendUserOperation=1)),
    Mode.GARBAGE: Case(
        times(Mode.GARBAGE, eth_call=2, eth_getLogs=2, eth_getTransactionReceipt=1),
        times(Mode.GARBAGE, eth_estimateUserOperationGas=1, eth_sendUserOperation=1),
    ),
    Mode.DRIP: Case(times(Mode.DRIP, eth_getTransactionReceipt=1), times(Mode.DRIP, eth_sendUserOperation=1)),
    "seeded": Case(everywhere(0.03), everywhere(0.1)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played(
    devnet: Devnet, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Proxied]]:
    """Let a worker pay behind each fault, all at the same time, and then once more in peace."""
    root = tmp_path_factory.mktemp("proxy")
    first, second = await next_days(devnet, 2)
    stages = await asyncio.gather(*(a_stage(devnet, root / name, start=first) for name in CASES))
    both = [("rent", stage) for stage in stages]
    crowded = stages[list(CASES).index(Mode.REORDER)]
    await add_job(crowded, "gym", start=first, amount="11 USDC")
    both.append(("gym", crowded))
    async with AsyncExitStack() as standing:
        found = {
            name: await standing.enter_async_context(proxied(stage, SEED))
            for name, stage in zip(CASES, stages, strict=True)
        }
        with ExitStack() as running:
            for name, stage in zip(CASES, stages, strict=True):
                running.enter_context(impatient_worker(stage) if name == Mode.DRIP else worker(stage))
            await until(lambda: all("recovered" in stage.log for stage in stages), *stages)
            for name, case in CASES.items():
                found[name].node.strikes += case.node
                found[name].bundler.strikes += case.bundler
            await move_to(devnet, first)
            async with hurried(devnet, both, first):
                await until(lambda: all(stage.is_paid(first, job=job) for job, stage in both), *stages)
            for one in found.values():
                one.calm()
            await move_to(devnet, second)
            await until(lambda: all(stage.is_paid(second, job=job) for job, stage in both), *stages)
        yield found


@asynccontextmanager
async def hurried(devnet: Devnet, jobs: Sequence[tuple[str, Stage]], slot: str) -> AsyncIterator[None]:
    """Let time pass, while the block runs, whenever all that is left to do only waits for that."""
    task = asyncio.create_task(_hurry(devnet, jobs, slot))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _hurry(devnet: Devnet, jobs: Sequence[tuple[str, Stage]], slot: str) -> None:
    while True:
        left = [stage.row(slot, job) for job, stage in jobs if not stage.is_paid(slot, job=job)]
        biding = [row.not_before for row in left if row is not None and bides_its_time(row)]
        now = await chain.block_time(devnet)
        if left and len(biding) == len(left) and min(biding) > now:
            await chain.increase_time(devnet, min(biding) - now)
        await asyncio.sleep(LOOK_S)


def bides_its_time(row: Row) -> bool:
    """Tell whether nothing is done about it before its time: no bundler has it either."""
    return row.state in ("due", "sent") and row.code not in KNOWN_THERE


@pytest.mark.parametrize("name", CASES)
async def test_every_slot_is_paid_once_behind_it(played: Mapping[str, Proxied], name: str) -> None:
    found = await asyncio.to_thread(played[name].findings)

    assert found == []


@pytest.mark.parametrize("mode", list(Mode))
async def test_it_struck_as_often_as_it_should(played: Mapping[str, Proxied], mode: Mode) -> None:
    wanted = [strike.times or 0 for strike in (*CASES[mode].node, *CASES[mode].bundler)]

    assert played[mode].struck.get(mode, 0) >= len(wanted)


async def test_chance_strikes_in_several_ways(played: Mapping[str, Proxied]) -> None:
    assert len(played["seeded"].struck) >= 3
