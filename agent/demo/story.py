"""What happens in the demo, in order."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from agent.demo.board import Show, shown
from agent.demo.calendar import TIME_ZONE, Month, coming_months
from agent.demo.commands import Agent, DemoFailed, Worker
from agent.demo.files import AMOUNT, JOB, DemoFolder, fresh_folder, write_files
from agent.demo.market_acts import Trades, play_market, prepare_account, trades_of
from agent.demo.market_files import WISHES, write_market_jobs
from agent.demo.stage import POLL_S, Stage, Tell
from agent.demo.witness import Payment, Witness
from agent.devnet import chain
from agent.devnet.accounts import create_nexus_account
from agent.devnet.defi.market import deploy_market
from agent.devnet.devnet import running_devnet
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
LOG_END = 2_000


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo showed."""

    folder: Path
    payments: tuple[Payment, ...]
    trades: Trades
    limits: tuple[Mapping[str, Any], ...]
    metrics: tuple[str, ...]
    kills: int
    elapsed_s: float


async def play(
    wanted: Path | None, environment: Mapping[str, str], tell: Tell, show: Show | None = None
) -> DemoResult:
    """Run the whole demo; raise DemoFailed when the chain shows anything but what was promised.

    `show`, if given, gets the board again and again: what the market says and what each job does.
    """
    began = time.monotonic()
    await asyncio.to_thread(set_up, progress=tell)
    folder = fresh_folder(wanted, build_dir() / "demo")
    tell(f"files go to {folder.path}")
    async with _stage(folder, environment, tell) as stage, shown(stage, show):
        trades, metrics = await _acts(stage, tell)
        limits = (await stage.agent.answer("sessions", "usage", JOB))["limits"]
        payments = tuple(stage.witness.payments(TIME_ZONE))
        check(payments, stage.months, folder.log_file)
        return DemoResult(
            folder=folder.path,
            payments=payments,
            trades=trades,
            limits=tuple(limits),
            metrics=metrics,
            kills=1,
            elapsed_s=round(time.monotonic() - began, 1),
        )


@asynccontextmanager
async def _stage(folder: DemoFolder, environment: Mapping[str, str], tell: Tell) -> AsyncIterator[Stage]:
    async with running_devnet(DevnetOptions(block_time_s=BLOCK_TIME_S)) as devnet:
        tell(f"a local chain with EntryPoint, Nexus, USDC and a bundler runs at {devnet.rpc_url}")
        market = await deploy_market(devnet)
        tell("Uniswap, Aave and Chainlink's feeds are deployed; an ether costs 2000 USDC")
        owner, payee = devnet.funded_keys[0], devnet.funded_keys[1].address
        account = await create_nexus_account(devnet, bytes_from_hex(owner.private_key))
        await mint_usdc(devnet, account.address, FUNDS)
        await prepare_account(market, account)
        tell(f"the account {account.address} holds 100 USDC and 2 WETH, and owes Aave 15000 USDC for 10 WETH")
        months, port = coming_months(await chain.block_time(devnet)), free_port()
        write_files(folder, market, account, payee, months, port)
        write_market_jobs(folder, market, account)
        agent = Agent(folder, environment)
        await _grant(folder, agent, tell)
        witness = Witness(
            devnet.rpc_url, str(devnet.entry_point), str(devnet.usdc), str(account.address), str(payee)
        )
        yield Stage(market, account, agent, witness, months, port)


async def _grant(folder: DemoFolder, agent: Agent, tell: Tell) -> None:
    """Derive the session of each job, and have the owner grant all of them at once."""

    async def derive(job: str, *wishes: str) -> None:
        await agent.answer("sessions", "new", "--for-job", str(folder.job_file(job)), "--key", job, *wishes)

    # One first: in a fresh clone it leaves the bytecode that the others then share.
    await derive(JOB)
    await asyncio.gather(*(derive(job, *wishes) for job, wishes in WISHES.items()))
    jobs = ", ".join((JOB, *WISHES))
    tell(f"the least that each needs was derived for {jobs}: a session and a key for each job")
    await agent.answer("sessions", "grant", "--all", "--owner-key", str(folder.owner_key))
    tell("the owner granted the sessions")


async def _acts(stage: Stage, tell: Tell) -> tuple[Trades, tuple[str, ...]]:
    first, killed, last = stage.months
    with stage.agent.worker() as worker:
        await worker.until_started()
        tell("the worker runs, a process of its own")
        await play_market(stage, worker, tell)
        await _pay(stage, worker, first, tell)
        await _kill_in_flight(stage, worker, killed, tell)
    with stage.agent.worker() as worker:
        await worker.until_state(JOB, killed.name, "final_ok")
        tell(f"{killed.name} a new worker found the payment on chain, and paid nothing twice")
        await _pay(stage, worker, last, tell)
        return trades_of(stage), await _metrics(stage, worker)


async def _pay(stage: Stage, worker: Worker, month: Month, tell: Tell) -> None:
    await chain.move_time_to(stage.market.devnet, month.due_at)
    tell(f"{month.name} is due: the chain's clock was moved to {month}")
    await worker.until_state(JOB, month.name, "final_ok")
    tell(f"{month.name} is paid, and final")


async def _kill_in_flight(stage: Stage, worker: Worker, month: Month, tell: Tell) -> None:
    known = len(stage.witness.payments(TIME_ZONE))
    await chain.move_time_to(stage.market.devnet, month.due_at)
    tell(f"{month.name} is due: the chain's clock was moved to {month}")
    state = await worker.until_state(JOB, month.name, "sent", "included_ok", "final_ok")
    worker.kill()
    tell(f"{month.name} the worker was killed with -9, its operation {state}")
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
