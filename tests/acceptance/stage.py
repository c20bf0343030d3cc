"""A configuration folder whose job pays from an account of its own, and real workers on it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from textwrap import dedent

from agent.cli.root import run as command_line
from agent.commands.session_need import Wish
from agent.commands.session_new import Times, new_sessions, write_sessions
from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.sessions import SessionDefinition
from agent.devnet import chain
from agent.devnet.accounts import SmartAccount, address_of, create_nexus_account, install_and_enable
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import mint_usdc
from agent.domain.units import Address, Hash32, Timestamp
from tests.acceptance.crash_points import CrashPoint
from tests.acceptance.crashing_worker import main as crashing_worker
from tests.acceptance.oracle import Finding, examine
from tests.acceptance.oracle.books import Row, read_rows
from tests.acceptance.oracle.chain import session_operations
from tests.acceptance.oracle.node import Node
from tests.acceptance.processes import Main, forked
from tests.devnet import a_key

USDC = 10**6
TIMEOUT_S = 60.0
POLL_S = 0.2
DAILY = 'calendar: daily\n  at: "00:00"\n  time_zone: UTC'


@dataclass(frozen=True)
class Stage:
    """One folder, its account and who is paid."""

    devnet: Devnet
    folder: Path
    account: SmartAccount
    payee: Address

    def row(self, slot: str, job: str = "rent") -> Row | None:
        """What the journal says of a slot."""
        return read_rows(self.folder / "state" / "journal.db").get((job, slot))

    def is_paid(self, *slots: str) -> bool:
        """Tell whether these slots are final and settled by the books."""
        rows = read_rows(self.folder / "state" / "journal.db")
        mine = [rows.get(("rent", slot)) for slot in slots]
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
        rows = read_rows(self.folder / "state" / "journal.db")
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
) -> Stage:
    """Make an account with USDC, a job `rent` and a granted session for it."""
    key = a_key()
    account = await create_nexus_account(devnet, a_key())
    stage = Stage(devnet, folder, account, payee or address_of(a_key()))
    write_config(stage, key)
    write_job(stage, start=start, amount=amount, schedule=schedule, terms=terms, spec=spec)
    if usdc:
        await mint_usdc(devnet, account.address, usdc)
    (session,) = await derived(stage, "rent.yaml", periods)
    await install_and_enable(devnet, account, [session.session])
    return stage


def write_config(stage: Stage, key: bytes, *, mode: str = "live") -> None:
    """Write sessionkeeper.yaml and the raw key file."""
    for name in ("keys", "jobs", "sessions"):
        (stage.folder / name).mkdir(parents=True, exist_ok=True)
    key_file = stage.folder / "keys" / "worker.key"
    key_file.touch(mode=0o600)
    key_file.write_text("0x" + key.hex() + "\n")
    devnet = stage.devnet
    text = f"""
        schema_version: 1
        mode: {mode}
        clock: chain
        chains:
          - id: 31337
            rpc: "{devnet.rpc_url}"
            bundler: "{devnet.bundler_url}"
            finality: finalized
            tokens:
              USDC: {{address: "{devnet.usdc}", decimals: 6}}
            fees: {{max_fee_per_gas: "100 gwei", max_cost: "0.1 ether"}}
        keys:
          worker: {{address: "{address_of(key)}", raw: keys/worker.key}}
        store: "sqlite:///state/journal.db"
        web: {{port: 0}}
    """
    (stage.folder / "sessionkeeper.yaml").write_text(dedent(text))


def write_job(
    stage: Stage,
    *,
    start: str,
    amount: str = "10 USDC",
    schedule: str = DAILY,
    terms: str = "",
    spec: str = "",
) -> None:
    """Write, or write anew, the job."""
    lines = [
        "id: rent",
        "kind: subscription",
        "chain: 31337",
        f'account: "{stage.account.address}"',
        "session: rent",
        "schedule:",
        f"  {schedule}",
        f"  start: {start}",
        "spec:",
        f'  amount: "{amount}"',
        f'  payee: "{stage.payee}"',
        *([f"  {spec}"] if spec else []),
        *([terms] if terms else []),
    ]
    (stage.folder / "jobs" / "rent.yaml").write_text("\n".join(lines) + "\n")


async def derived(stage: Stage, file: str, periods: int = 30) -> list[SessionDefinition]:
    """Derive and write the sessions of a job file as `sessions new` does."""
    definitions = load(stage.folder, {}, with_jobs=False)
    drafts = read_drafts(definitions, file, "nexus")
    times = Times(await chain.block_time(stage.devnet), Timestamp(int(time.time())))
    made = new_sessions(
        definitions, drafts, None, Wish(periods), times, lambda: Hash32(secrets.token_bytes(32))
    )
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
        await until(lambda: self.has_ended, self.stage, timeout_s=timeout_s)
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
def dying_worker(stage: Stage, point: CrashPoint) -> Iterator[Worker]:
    """Run a worker that ends itself with SIGKILL at a point."""
    with _process(stage, crashing_worker, *point.arguments) as running:
        yield running


@contextmanager
def _process(stage: Stage, main: Main, *arguments: str) -> Iterator[Worker]:
    number = len(list(stage.folder.glob("*.log")))
    words = [*arguments, "-c", str(stage.folder)]
    with forked(main, words, stage.folder / f"{number:03}.log") as process:
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
    """Return the names of the next days by chain time."""
    today = datetime.fromtimestamp(await chain.block_time(devnet), UTC).date()
    return [(today + timedelta(days=1 + place)).isoformat() for place in range(number)]


async def move_to(devnet: Devnet, day: str, hour: int = 0) -> None:
    """Move chain time to an hour of a day (UTC)."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=hour)
    await chain.move_time_to(devnet, Timestamp(int(at.timestamp())))
