"""From the head that fires a job to its signed operation in the journal, for one firing and for many at once.

Top-ups of accounts of their own watch one balance; it falls, and all of them fire in that block. The clock
starts when the head is known and stops for each when its signed bytes are on disk. `cold` has the bundler
estimate each operation. `warm` are accounts that fired before: those operations were estimated, sent and
included through the real bundler, and its gas limits are kept since. In neither round anything is sent. There
is no peer: the second figure is the aim, or nought.
"""

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from agent.bootstrap import Store, World, opened
from agent.commands.session_need import Wish
from agent.definitions.loader import load
from agent.devnet import chain, rpc
from agent.devnet.accounts import address_of
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.devnet.tokens import mint_usdc, set_balance
from agent.devnet.transactions import transact
from agent.domain.journal import Change
from agent.domain.keccak import keccak256
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.send_answer import SendAnswer, UnknownAnswer
from agent.domain.units import Timestamp, Wei
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.recover import flights, recover
from agent.pipeline.settle import settlement
from agent.ports import Bundler, Journal
from agent.settings import Settings
from agent.telemetry.metrics import Metrics
from agent.worker.board import Board
from agent.worker.enrol import enrol
from agent.worker.lanes import Lanes
from agent.worker.observer import Observer
from agent.worker.watcher import Watcher
from benchmarks.recovery_scene import USDC, accounts_of, grant, write_files
from benchmarks.report import Row, row_of_costs, settle_memory
from jobs import erc20

MANY = 200
AIM_MS = 250.0
ROUNDS_OF_ONE = 20
POLL_S = 0.5
"""After which a run that has to look again does, as with the worker's tick."""
TIMEOUT_S = 300.0
QUIET_S = 4.0
"""Without a new block the bundler has nothing left to do."""
COOL_DOWN_S = 60
"""More than that of the jobs."""
FOLDER = Path("build")
SPENDER = address_of(keccak256(b"latency spender"))
JOB = """\
id: members
kind: top_up
chain: 31337
rows: members.csv
spec:
  keep: balance
  of: "{spender}"
  below: "1 USDC"
  to: "2 USDC"
  cool_down: 1s
grace: 3d
"""


class Timed:
    """A journal that notes when each signed operation was on disk."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.at: list[float] = []
        self.used_s = 0.0
        """Processor time of this process at the last of them."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self._journal, name)

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        """Append, and note the time."""
        answer = await self._journal.append(signed, change)
        self.at.append(time.perf_counter())
        self.used_s = time.process_time()
        return answer


class Deaf:
    """A bundler that estimates and takes nothing: what counts is over by then."""

    def __init__(self, bundler: Bundler) -> None:
        self._bundler = bundler

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self._bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Say nothing."""
        return UnknownAnswer("not sent")


@dataclass(frozen=True, slots=True)
class Fired:
    """What one block's firings took until all were signed."""

    took_ms: list[float]
    client_ms: float
    """Processor time of this process."""
    node_ms: float
    """Processor time of the node."""


@dataclass
class Scene:
    """An open world whose jobs have all but fired."""

    devnet: Devnet
    world: World
    journal: Timed
    metrics: Metrics = field(default_factory=lambda: Metrics("bench", "live"))

    @property
    def services(self) -> Services:
        """The world's, with the journal that notes times."""
        return replace(self.world.services, journal=self.journal)

    async def fire(self, job_ids: Sequence[str], *, sends: bool = False) -> Fired:
        """Let these jobs fire in one block; return what it took until each is signed."""
        jobs = {job_id: self._job(job_id, sends=sends) for job_id in job_ids}
        board, observer = Board(), Observer(self.metrics)
        lanes = Lanes(self.services, jobs, board, observer)

        def started(occurrence: Occurrence) -> None:
            board.put(occurrence)
            lanes.wake(occurrence.job_id)

        (here,) = {id(job.chain): job.chain for job in jobs.values()}.values()
        watcher = Watcher(self.services, here, jobs.values(), started, self.metrics)
        watcher.start()
        await mint_usdc(self.devnet, SPENDER, 2 * USDC)
        await watcher.poll(await here.reader.block("latest"))
        await self._spend()
        self.journal.at.clear()
        head = await here.reader.block("latest")
        settle_memory()
        node_s, client_s, began = self._node_s(), time.process_time(), time.perf_counter()
        await watcher.poll(head)
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.journal.at) < len(job_ids):
                await asyncio.sleep(POLL_S)
                lanes.wake_all()
        used_s, node_s = self.journal.used_s - client_s, self._node_s() - node_s
        await lanes.drain()
        return Fired([(at - began) * 1_000 for at in self.journal.at], used_s * 1_000, node_s * 1_000)

    async def land(self) -> None:
        """Follow everything that was sent until it is final and its books are closed."""
        jobs, services, scan = self.world.jobs, self.world.services, LogScan()
        (here,) = self.world.chains.values()
        async with asyncio.timeout(TIMEOUT_S):
            while left := await recover(services):
                await chain.mine(self.devnet)
                await follow(services, here, await flights(services, jobs, left), scan)
                now = await services.clock.now()
                for row in await recover(services):
                    change = settlement(row, now)
                    if change is not None:
                        await services.journal.record(change)
                await asyncio.sleep(POLL_S)
            # The bundler may go on with what it has twice; a node answers slower about a block that is not
            # its newest.
            before = -1
            while (now_at := await chain.block_number(self.devnet)) != before:
                before = now_at
                await asyncio.sleep(QUIET_S)
        # They cool down by the wall clock, from which the chain's was kept back so far.
        await chain.move_time_to(self.devnet, Timestamp(await services.clock.now() + COOL_DOWN_S))

    def _job(self, job_id: str, *, sends: bool) -> JobContext:
        job = self.world.jobs[job_id]
        return job if sends else replace(job, chain=self._deaf)

    @cached_property
    def _deaf(self) -> ChainContext:
        (here,) = self.world.chains.values()
        return replace(here, bundlers=(Deaf(here.bundlers[0]),))

    def _node_s(self) -> float:
        text = Path(f"/proc/{self.devnet.programs['anvil'].pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    async def _spend(self) -> None:
        data = await rpc.call(
            self.devnet.rpc_url,
            "eth_call",
            {
                "to": str(self.devnet.usdc),
                "data": "0x" + erc20.balance_of(self.devnet.usdc, SPENDER).data.hex(),
            },
            "latest",
        )
        # Something stays: a transfer to an empty balance costs more gas than an estimate made after the first
        # of the block's top-ups has landed.
        call = erc20.transfer(self.devnet.usdc, address_of(keccak256(b"sink")), int(data, 16) - 1)
        await transact(self.devnet.rpc_url, call, SPENDER)


def rows() -> list[Row]:
    """Return p50 and p99 for one firing and for many, and the processor time of many, cold and warm."""
    return asyncio.run(_measured())


async def _measured() -> list[Row]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    await asyncio.to_thread(set_up)
    options = DevnetOptions(block_time_s=0, starts_before_now_s=24 * 3600)
    with TemporaryDirectory(dir=FOLDER) as name:
        async with running_devnet(options) as devnet:
            folder = Path(name) / "scene"
            accounts = await accounts_of(devnet, 2 * (MANY + ROUNDS_OF_ONE))
            write_files(devnet, folder, accounts, JOB.format(spender=SPENDER))
            until = Timestamp(await chain.block_time(devnet) + 30 * 24 * 3600)
            await grant(devnet, folder, accounts, Wish(uses=5, until=until))
            await rpc.call(devnet.rpc_url, "anvil_impersonateAccount", str(SPENDER))
            await set_balance(devnet, SPENDER, Wei(10**18))
            async with opened(
                Settings(config=folder), load(folder, {}), store=Store.WORKER, keys=True
            ) as world:
                await enrol(world.services, world.jobs.values())
                scene = Scene(devnet, world, Timed(world.services.journal))
                names = sorted(world.jobs)
                fresh, known = names[: len(names) // 2], names[len(names) // 2 :]
                # First, so that what is imported and compiled once is in neither figure.
                await scene.fire(known, sends=True)
                await scene.land()
                return [*await _rows(scene, "cold", fresh), *await _rows(scene, "warm", known)]


async def _rows(scene: Scene, what: str, names: Sequence[str]) -> list[Row]:
    one = [(await scene.fire([name])).took_ms[0] for name in names[:ROUNDS_OF_ONE]]
    many = await scene.fire(names[ROUNDS_OF_ONE:])
    found = []
    for title, took in (("one firing", one), (f"{MANY} in one block", many.took_ms)):
        for percent in (50, 99):
            name = f"trigger to signed, {title}, {what}, p{percent} (aim {AIM_MS:.0f})"
            found.append(row_of_costs(name, _percentile(took, percent), AIM_MS, "ms"))
    for whose, used_ms in (("the client", many.client_ms), ("the node", many.node_ms)):
        name = f"trigger to signed, {MANY} in one block, {what}, processor time of {whose}"
        found.append(row_of_costs(name, max(used_ms, 1.0), 0.0, "ms"))
    return found


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]
