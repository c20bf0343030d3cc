"""One block watched by a real node: the client's processor time, reads, comparison and evaluation together.

Ten thousand top-ups watch two thousand balances, five each with levels of their own. The contracts that
answer are a few bytes: one answers the same at every block, the other adds the block's number. The peer makes
the same reads through the same client and evaluates every condition at every block.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import cast

from agent.adapters.chain_rpc import ChainRpc
from agent.adapters.clock import WallClock
from agent.adapters.json_rpc import JsonRpc
from agent.adapters.sql import open_journal
from agent.devnet import chain, rpc
from agent.devnet.addresses import MULTICALL3
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.domain.evaluation import Read
from agent.domain.job import FeeCaps, JobDefinition, Place
from agent.domain.journal import Enrolment
from agent.domain.keccak import keccak256
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.domain.watching import NO_MEMORY, Firings
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS
from agent.pipeline.context import ChainContext, JobContext, Services, SessionContext
from agent.pipeline.observe import observe
from agent.telemetry.metrics import Metrics
from agent.worker.watcher import Watcher
from benchmarks.report import Row, row_of_costs, settle_memory
from jobs.top_up import TOP_UP
from jobs.top_up_spec import Keep, TopUpSpec

JOBS = int(os.environ.get("WATCH_JOBS", "10000"))
READS = 2_000
FEW = READS // 100
"""Answers that change in a block where little does."""
ROUNDS = 9
STEADY, MOVING = Address(b"\x61" * 20), Address(b"\x62" * 20)
CODES = {
    # Both return the word behind the selector; this one as it is, the other plus the number of the block.
    STEADY: "0x6004355f5260205ff3",
    MOVING: "0x60043543015f5260205ff3",
}
ACCOUNT, CHAIN = Address(b"\x0a" * 20), ChainId(31337)
NOW = Timestamp(1)


def rows() -> list[Row]:
    """Return the processor time of a block in which little changed, and of one in which everything did."""
    return asyncio.run(_measured())


async def _measured() -> list[Row]:
    await asyncio.to_thread(set_up)
    async with running_devnet(DevnetOptions(block_time_s=1)) as devnet:
        await chain.set_block_time(devnet, None)
        for address, code in CODES.items():
            await rpc.call(devnet.rpc_url, "anvil_setCode", str(address), code)
        found = []
        for what, moving in (("little changed", FEW), ("every answer changed", READS)):
            ours, peer = await _of(devnet, moving)
            name = f"watch block: {JOBS:,} conditions, {READS:,} reads, {what}"
            found.append(row_of_costs(name, ours, peer, "CPU ms"))
    return found


async def _of(devnet: Devnet, moving: int) -> tuple[float, float]:
    reader = ChainRpc(CHAIN, [JsonRpc(devnet.rpc_url)], finality_depth=2, multicall=MULTICALL3)
    here = ChainContext(reader, (), devnet.entry_point, EntryPointVersion.V07)
    jobs = [_job(here, number, moving) for number in range(JOBS)]
    with tempfile.TemporaryDirectory() as folder:
        journal = open_journal(f"sqlite:///{Path(folder)}/journal.db", exclusive=True)
        await journal.enroll([_enrolment(job, number) for number, job in enumerate(jobs)], NOW)
        fired: list[object] = []
        watcher = Watcher(Services(journal, WallClock()), here, jobs, fired.append, Metrics("bench", "live"))
        watcher.start()

        async def ours() -> None:
            await watcher.poll(await reader.block("latest"))

        contestants = [ours, lambda: _every_condition(here, jobs)]
        for contestant in contestants:
            await _cost_ms(devnet, contestant)
        settle_memory()
        costs = [[await _cost_ms(devnet, one) for one in contestants] for _ in range(ROUNDS)]
        assert not fired
        assert not watcher.is_behind
        await journal.close()
    await reader.close()
    mine, peers = zip(*costs, strict=True)
    return median(mine), median(peers)


async def _every_condition(here: ChainContext, jobs: Sequence[JobContext]) -> None:
    block = await here.reader.block("latest")
    reads: list[Read] = []
    for job in jobs:
        reads += job.kind.watch_reads(job.definition.spec, ACCOUNT)
    view = await observe(here.reader, reads, block)
    glances = [job.kind.watch(job.definition.spec, ACCOUNT, view, NO_MEMORY, Firings()) for job in jobs]
    assert {glance.code for glance in glances} == {"level_kept"}


async def _cost_ms(devnet: Devnet, work: Callable[[], Awaitable[None]]) -> float:
    await chain.mine(devnet)
    start = time.process_time_ns()
    await work()
    return (time.process_time_ns() - start) / 1e6


def _job(here: ChainContext, number: int, moving: int) -> JobContext:
    read = number % READS
    token = Token("USDC", MOVING if read < moving else STEADY, 6)
    spec = TopUpSpec.model_construct(
        keep=Keep.BALANCE,
        of=Address(keccak256(b"of" + read.to_bytes(4, "big"))[12:]),
        below=TokenAmount(token, 1 + number),
        to=TokenAmount(token, 10**9),
        most=None,
        cool_down=600,
        recheck=900,
        entry_point=here.entry_point,
    )
    definition = JobDefinition(
        id=f"job-{number}",
        kind="top_up",
        chain_id=CHAIN,
        account=ACCOUNT,
        account_kind="nexus",
        session="main",
        schedule=None,
        spec=spec,
        identity_digest=Hash32(bytes(32)),
        digest=Hash32(bytes(32)),
        place=Place("jobs/job.yaml"),
    )
    # Nothing fires, so nothing is signed.
    session = cast("SessionContext", None)
    return JobContext(definition, TOP_UP, here, session, NEXUS, number, FeeCaps())


def _enrolment(job: JobContext, number: int) -> Enrolment:
    entry_point = job.chain.entry_point
    return Enrolment(job.definition.id, CHAIN, ACCOUNT, entry_point, number, "identity", "definition", None)
