"""A configuration folder whose job pays from an account of its own, and real workers on it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from agent.cli.root import run as command_line
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.sessions import SessionDefinition
from agent.devnet import chain
from agent.devnet.accounts import (
    SmartAccount,
    address_of,
    create_nexus_account,
    enable_sessions,
    install_and_enable,
)
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc
from agent.domain.units import Address, Hash32, Timestamp
from tests.acceptance.crash_points import CrashPoint
from tests.acceptance.crashing_worker import main as crashing_worker
from tests.acceptance.jumping_worker import main as jumping
from tests.acceptance.oracle import Finding, examine
from tests.acceptance.oracle.books import Row, read_rows
from tests.acceptance.oracle.chain import session_operations
from tests.acceptance.oracle.files import store_of
from tests.acceptance.oracle.node import Node
from tests.acceptance.processes import Main, ended, forked
from tests.acceptance.ticking_worker import main as ticking
from tests.devnet import a_key
from tests.devnet_config import write_config
from tests.pace import looking_often, losing_patience, ticking_slowly

USDC = 10**6
WATCHED_S = 30 * 24 * 3600
"""How long the session of a watched job is for."""
TIMEOUT_S = 240.0
POLL_S = 0.1
SETTING_UP_S = 3600
"""Far longer than making stages takes."""
DAILY = 'calendar: daily\n  at: "00:00"\n  time_zone: UTC'


@dataclass(frozen=True)
class Stage:
    """One folder, its account and who is paid."""

    devnet: Devnet
    folder: Path
    account: SmartAccount
    payee: Address

    @property
    def store(self) -> Path | str:
        """Where the journal is."""
        return store_of(self.folder)

    def row(self, slot: str, job: str = "rent") -> Row | None:
        """What the journal says of a slot."""
        return read_rows(self.store).get((job, slot))

    def is_paid(self, *slots: str, job: str = "rent") -> bool:
        """Tell whether these slots are final and settled by the books."""
        rows = read_rows(self.store)
        mine = [rows.get((job, slot)) for slot in slots]
        return all(row is not None and row.state == "final_ok" and row.settled for row in mine)

    def is_in(self, slot: str, *states: str) -> bool:
        """Tell whether the books have the slot in one of these states."""
        row = self.row(slot)
        return row is not None and row.state in states

    def findings(self, *, unpaid: tuple[str, ...] = (), until: int | None = None) -> list[Finding]:
        """Ask the oracle."""
        return examine(self.folder, self.devnet.rpc_url, unpaid=unpaid, until=until)

    def payments(self) -> int:
        """Count what the chain shows of successful operations under the session."""
        with closing(Node(self.devnet.rpc_url)) as node:
            operations = session_operations(node, str(self.account.address).lower())
        return sum(operation.success for operation in operations)

    @property
    def summary(self) -> str:
        """The state of every slot, and the workers' last lines."""
        rows = read_rows(self.store)
        states = {slot: f"{row.state}{' settled' * row.settled}" for (_, slot), row in rows.items()}
        return f"{states}\n{self.log[-800:]}"

    @property
    def log(self) -> str:
        """What all workers of this folder printed."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))


async def a_stage(
    devnet: Devnet,
    folder: Path,
    *,
    start: str,
    usdc: int = 1_000 * USDC,
    amount: str = "10 USDC",
    schedule: str = DAILY,
    terms: str = "",
    spec: str = "",
    payee: Address | None = None,
    periods: int = 30,
    bundler_url: str | None = None,
    chain_lines: str = "",
) -> Stage:
    """Make an account with USDC, a job `rent` and a granted session for it; `chain_lines` join its chain."""
    key = a_key()
    account = await create_nexus_account(devnet, a_key())
    stage = Stage(devnet, folder, account, payee or address_of(a_key()))
    write_config(devnet, folder, key, max_cost="0.1 ether", bundler_url=bundler_url)
    config = folder / "sessionkeeper.yaml"
    config.write_text(config.read_text().replace("keys:\n", f"{chain_lines}keys:\n", 1))
    write_job(stage, start=start, amount=amount, schedule=schedule, terms=terms, spec=spec)
    if usdc:
        await mint_usdc(devnet, account.address, usdc)
    (session,) = await derived(stage, "rent.yaml", periods)
    await install_and_enable(devnet, account, [session.session])
    return stage


def write_job(
    stage: Stage,
    *,
    start: str,
    amount: str = "10 USDC",
    schedule: str = DAILY,
    terms: str = "",
    spec: str = "",
    job: str = "rent",
) -> None:
    """Write, or write anew, a job whose session has its name."""
    lines = [
        f"id: {job}",
        "kind: subscription",
        "chain: 31337",
        f'account: "{stage.account.address}"',
        f"session: {job}",
        "schedule:",
        f"  {schedule}",
        f"  start: {start}",
        "spec:",
        f'  amount: "{amount}"',
        f'  payee: "{stage.payee}"',
        *([f"  {spec}"] if spec else []),
        *([terms] if terms else []),
    ]
    (stage.folder / "jobs" / f"{job}.yaml").write_text("\n".join(lines) + "\n")


async def add_job(stage: Stage, job: str, *, start: str, amount: str, terms: str = "") -> None:
    """Let the account pay something else too, under a granted session of its own."""
    write_job(stage, start=start, amount=amount, terms=terms, job=job)
    (session,) = await derived(stage, f"{job}.yaml")
    await enable_sessions(stage.devnet, stage.account, [session.session])


async def derived(
    stage: Stage, file: str, periods: int = 30, *, uses: int | None = None
) -> list[SessionDefinition]:
    """Derive and write the sessions of a job file as `sessions new` does; `uses` for a watched job."""
    definitions = load(stage.folder, {}, with_jobs=False)
    drafts = read_drafts(definitions, file, "nexus")
    times = Times(await chain.block_time(stage.devnet), Timestamp(int(time.time())))
    until = None if uses is None else Timestamp(times.now + WATCHED_S)
    wish = Wish(periods, uses=uses, until=until)
    made = new_sessions(definitions, drafts, None, wish, times, lambda: Hash32(secrets.token_bytes(32)))
    write_sessions(made)
    return [new.definition for new in made]


@dataclass(frozen=True)
class Worker:
    """A running worker process."""

    stage: Stage
    process: ForkServerProcess

    async def until(self, happened: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        """Wait for a condition; raise AssertionError when the worker ends or the time is over."""
        await until(lambda: happened() or self.has_ended, self.stage, timeout_s=timeout_s)
        assert happened(), f"the worker ended with {self.process.exitcode}: {self.stage.log[-3000:]}"

    async def end(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait until it ends and return its exit code."""
        if not await ended(self.process, timeout_s):
            raise AssertionError(f"runs on after {timeout_s} s:\n{self.stage.summary}")
        return int(self.process.exitcode or 0)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.join()

    async def stop(self) -> int:
        """Ask it to drain and return its exit code."""
        self.process.terminate()
        return await self.end()

    @property
    def has_ended(self) -> bool:
        """Tell whether the process is gone."""
        return self.process.exitcode is not None


@contextmanager
def worker(stage: Stage, *arguments: str) -> Iterator[Worker]:
    """Run `sessionkeeper run` on the folder until the block ends."""
    with _process(stage, command_line, "run", *arguments) as running:
        yield running


@contextmanager
def impatient_worker(stage: Stage) -> Iterator[Worker]:
    """Run a worker that waits a few seconds for an answer, where others wait for many."""
    with _process(stage, partial(losing_patience, command_line), "run") as running:
        yield running


@contextmanager
def dying_worker(stage: Stage, point: CrashPoint, *, stops: bool = False) -> Iterator[Worker]:
    """Run a worker that ends itself with SIGKILL at a point, or `stops` there until it gets SIGCONT."""
    with _process(stage, crashing_worker, *point.arguments, *(["--stop"] if stops else [])) as running:
        yield running


@contextmanager
def ticking_worker(stage: Stage, ticks: Path) -> Iterator[Worker]:
    """Run a worker that writes its ticks down."""
    with _process(stage, ticking, "--ticks", str(ticks)) as running:
        yield running


@contextmanager
def jumping_worker(stage: Stage, offset: Path) -> Iterator[Worker]:
    """Run a worker whose clock is as many seconds off as the file says."""
    with _process(stage, jumping, "--offset", str(offset)) as running:
        yield running


@contextmanager
def _process(stage: Stage, main: Main, *arguments: str) -> Iterator[Worker]:
    number = len(list(stage.folder.glob("*.log")))
    words = [*arguments, "-c", str(stage.folder)]
    pace = ticking_slowly if main is ticking else looking_often
    with forked(partial(pace, main), words, stage.folder / f"{number:03}.log") as process:
        yield Worker(stage, process)


async def run_once(stage: Stage, *arguments: str) -> int:
    """Run `sessionkeeper run --once` to its end and return its exit code."""
    with worker(stage, "--once", *arguments) as running:
        return await running.end()


async def until(happened: Callable[[], bool], *stages: Stage, timeout_s: float = TIMEOUT_S) -> None:
    """Wait for a condition; raise AssertionError with the workers' last words."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            seen = "\n".join(f"{stage.folder.name}: {stage.summary}" for stage in stages)
            raise AssertionError(f"did not happen within {timeout_s} s:\n{seen}")
        await asyncio.sleep(POLL_S)


async def next_days(devnet: Devnet, number: int) -> list[str]:
    """Return the names of the next days by chain time, none of which begins while a stage is made."""
    soon = Timestamp(await chain.block_time(devnet) + SETTING_UP_S)
    today = datetime.fromtimestamp(soon, UTC).date()
    return [(today + timedelta(days=1 + place)).isoformat() for place in range(number)]


async def move_to(devnet: Devnet, day: str, hour: int = 0) -> None:
    """Move chain time to an hour of a day (UTC)."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=hour)
    await chain.move_time_to(devnet, Timestamp(int(at.timestamp())))
