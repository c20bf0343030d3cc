"""What happens in the demo, in order."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from agent.demo.calendar import TIME_ZONE, Month, coming_months
from agent.demo.commands import Agent, DemoFailed, Worker
from agent.demo.files import AMOUNT, JOB, DemoFolder, fresh_folder, write_files
from agent.demo.witness import Payment, Witness
from agent.devnet import chain
from agent.devnet.accounts import create_nexus_account
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.options import DevnetOptions
from agent.devnet.paths import build_dir
from agent.devnet.processes import free_port
from agent.devnet.setup import set_up
from agent.devnet.tokens import mint_usdc
from agent.domain.units import bytes_from_hex

FUNDS = 100_000_000
"""Base units of USDC: 100."""
BLOCK_TIME_S = 0.5
MINED_WITHIN_S = 30.0
POLL_S = 0.1
LOG_END = 2_000
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo showed."""

    folder: Path
    payments: tuple[Payment, ...]
    limits: tuple[Mapping[str, Any], ...]
    metrics: tuple[str, ...]
    kills: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that stands before the first payment."""

    devnet: Devnet
    agent: Agent
    witness: Witness
    months: tuple[Month, ...]
    port: int


async def play(wanted: Path | None, environment: Mapping[str, str], tell: Tell) -> DemoResult:
    """Run the whole demo; raise DemoFailed when a payment is missing or doubled."""
    began = time.monotonic()
    await asyncio.to_thread(set_up, progress=tell)
    folder = fresh_folder(wanted, build_dir() / "demo")
    tell(f"files go to {folder.path}")
    async with _stage(folder, environment, tell) as stage:
        metrics = await _three_months(stage, tell)
        limits = (await stage.agent.answer("sessions", "usage", JOB))["limits"]
        payments = tuple(stage.witness.payments(TIME_ZONE))
        check(payments, stage.months, folder.log_file)
        return DemoResult(
            folder=folder.path,
            payments=payments,
            limits=tuple(limits),
            metrics=metrics,
            kills=1,
            elapsed_s=round(time.monotonic() - began, 1),
        )


@asynccontextmanager
async def _stage(folder: DemoFolder, environment: Mapping[str, str], tell: Tell) -> AsyncIterator[Stage]:
    async with running_devnet(DevnetOptions(block_time_s=BLOCK_TIME_S)) as devnet:
        tell(f"a local chain with EntryPoint, Nexus, USDC and a bundler runs at {devnet.rpc_url}")
        owner, payee = devnet.funded_keys[0], devnet.funded_keys[1].address
        account = await create_nexus_account(devnet, bytes_from_hex(owner.private_key))
        await mint_usdc(devnet, account.address, FUNDS)
        tell(f"the account {account.address} holds 100 USDC and ether for gas")
        months, port = coming_months(await chain.block_time(devnet)), free_port()
        write_files(folder, devnet, account, payee, months, port)
        agent = Agent(folder, environment)
        made = await agent.answer("sessions", "new", "--for-job", str(folder.job_file))
        await agent.answer("sessions", "grant", JOB, "--owner-key", str(folder.owner_key))
        tell(f"its owner granted the session {made['sessions'][0]['permission_id']}")
        witness = Witness(
            devnet.rpc_url, str(devnet.entry_point), str(devnet.usdc), str(account.address), str(payee)
        )
        yield Stage(devnet, agent, witness, months, port)


async def _three_months(stage: Stage, tell: Tell) -> tuple[str, ...]:
    first, killed, last = stage.months
    with stage.agent.worker() as worker:
        await worker.until_started()
        tell("the worker runs, a process of its own")
        await _pay(stage, worker, first, tell)
        await _kill_in_flight(stage, worker, killed, tell)
    with stage.agent.worker() as worker:
        await worker.until_state(killed.name, "final_ok")
        tell(f"{killed.name} a new worker found the payment on chain, and paid nothing twice")
        await _pay(stage, worker, last, tell)
        return await _metrics(stage, worker)


async def _pay(stage: Stage, worker: Worker, month: Month, tell: Tell) -> None:
    await chain.move_time_to(stage.devnet, month.due_at)
    tell(f"{month.name} is due: the chain's clock was moved to {month}")
    await worker.until_state(month.name, "final_ok")
    tell(f"{month.name} is paid, and final")


async def _kill_in_flight(stage: Stage, worker: Worker, month: Month, tell: Tell) -> None:
    known = len(stage.witness.payments(TIME_ZONE))
    await chain.move_time_to(stage.devnet, month.due_at)
    tell(f"{month.name} is due: the chain's clock was moved to {month}")
    state = await worker.until_state(month.name, "sent", "included_ok")
    worker.kill()
    tell(f"{month.name} the worker was killed with -9, its operation {state} and not final")
    deadline = time.monotonic() + MINED_WITHIN_S
    while len(stage.witness.payments(TIME_ZONE)) == known:
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"the chain does not show the payment of {month.name}:\n{worker.program.last_output()}"
            )
        await asyncio.sleep(POLL_S)
    tell(f"{month.name} the chain has the payment, and no worker knows it")


async def _metrics(stage: Stage, worker: Worker) -> tuple[str, ...]:
    """Return the page's lines on limits once they count every payment."""
    spent = f" {AMOUNT * len(stage.months)}"
    lines: list[str] = []

    def counted() -> bool:
        lines[:] = [line for line in page(stage.port) if line.startswith("sessionkeeper_limit")]
        return any("erc20" in line.lower() and "_used{" in line and line.endswith(spent) for line in lines)

    await worker.until(counted, "the metrics page to count every payment")
    return tuple(lines)


def page(port: int) -> list[str]:
    """Return the lines of the worker's metrics page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()


def check(payments: Sequence[Payment], months: Sequence[Month], log_file: Path) -> None:
    """Compare what the chain shows with what was promised; raise DemoFailed with the log's end."""
    seen = [(payment.month, payment.amount) for payment in payments]
    promised = [(month.name, AMOUNT) for month in months]
    if sorted(seen) != sorted(promised):
        last = log_file.read_text(errors="replace")[-LOG_END:]
        raise DemoFailed(f"the chain shows {seen}, promised was {promised}:\n{last}")
