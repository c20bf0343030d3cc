"""Owners with loans on the local chain, and a worker that holds sessions to save them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.bootstrap import Store, World, Wrap, opened
from agent.cli.loading import load_definitions, settings_for
from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted
from agent.cli.session_making import made_sessions
from agent.commands.session_need import Wish
from agent.commands.session_new import write_sessions
from agent.devnet import chain
from agent.devnet.accounts import SmartAccount, create_account, send_as_owner
from agent.devnet.defi import comet, morpho
from agent.devnet.defi.aave import account_data, borrow_call, supply_calls
from agent.devnet.defi.calls import abi_call, ask_int
from agent.devnet.defi.loans import BORROWED, COLLATERAL_WEI, take_loan
from agent.devnet.defi.market import USDC, Market
from agent.devnet.defi.morpho import Morpho
from agent.devnet.tokens import mint_usdc
from agent.domain.call import Call
from agent.domain.firing import TriggerRow
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer
from agent.domain.units import Timestamp
from agent.erc7579.accounts import NEXUS, AccountKind
from agent.ports import Bundler
from agent.service import serve_worker, unwrapped
from tests.devnet import HAPPENS_WITHIN_S, a_key
from tests.devnet_config import write_config

HF = 10**18
MONTH_S = 30 * 86_400
AAVE = """\
  loan:
    aave_v3:
      pool: "{aave.pool}"
      addresses_provider: "{aave.provider}"
      oracle: "{aave.oracle}"
      data_provider: "{aave.data_provider}"
"""
MORPHO = """\
  loan:
    morpho_blue:
      morpho: "{blue.address}"
      loan_token: "{blue.loan_token}"
      collateral_token: "{blue.collateral}"
      oracle: "{blue.oracle}"
      irm: "{blue.irm}"
      lltv: "0.86"
"""
COMET = """\
  loan:
    compound_v3:
      comet: "{market.comet.address}"
      base_token: "{market.usdc}"
      base_price_feed: "{market.usdc_usd.proxy}"
      collaterals:
        - {{asset: "{market.weth}", price_feed: "{market.eth_usd.proxy}"}}
"""
TERMS = """\
  trigger: "{trigger}"
  target: "{target}"
  using: {using}
  max_per_action: "{most}"
  max_per_day: "{per_day}"
"""


@dataclass(frozen=True)
class Borrower:
    """An account with a loan, and its owner's key."""

    account: SmartAccount
    owner_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Job:
    """A job of one borrower; `spec` is YAML, indented by two."""

    name: str
    borrower: Borrower
    spec: str


async def a_borrower(
    market: Market, calls: Sequence[Call] = (), *, usdc: int = 0, kind: AccountKind = NEXUS
) -> Borrower:
    """Make an account with USDC; its owner makes the calls."""
    key = a_key()
    account = await create_account(market.devnet, kind, key)
    if usdc:
        await mint_usdc(market.devnet, account.address, usdc)
    if calls:
        await send_as_owner(market.devnet, account, calls)
    return Borrower(account, key)


async def an_aave_borrower(
    market: Market, *, lent_usdc: int = 0, borrowed: int = BORROWED, before: Sequence[Call] = ()
) -> Borrower:
    """Make an account that lends ten ether and some USDC to Aave and borrows USDC, which it keeps."""
    borrower = await a_borrower(market, usdc=lent_usdc)
    owner, aave = borrower.account.address, market.aave
    calls = [*before, *supply_calls(aave, market.weth, COLLATERAL_WEI, owner)]
    if lent_usdc:
        calls += supply_calls(aave, market.usdc, lent_usdc, owner)
    calls.append(borrow_call(aave, market.usdc, borrowed, owner))
    await take_loan(market, borrower.account, COLLATERAL_WEI, calls)
    return borrower


def terms(
    *,
    trigger: str = "1.05",
    target: str = "1.2",
    using: str = "wallet",
    most: str = "10000 USDC",
    per_day: str | None = None,
    more: str = "",
) -> str:
    """Return the part of a spec that is not the market."""
    text = TERMS.format(trigger=trigger, target=target, using=using, most=most, per_day=per_day or most)
    return text + more


def aave_spec(market: Market, text: str) -> str:
    """Return a spec of a loan of the local Aave market."""
    return AAVE.format(aave=market.aave) + text


def morpho_spec(blue: Morpho, text: str) -> str:
    """Return a spec of a loan of the local Morpho Blue market."""
    return MORPHO.format(blue=blue) + text


def comet_spec(market: Market, text: str) -> str:
    """Return a spec of a loan of the stand-in of Compound v3."""
    return COMET.format(market=market) + text


async def a_morpho_borrower(market: Market, blue: Morpho) -> Borrower:
    """Make an account that borrows USDC from Morpho Blue against ten ether: health factor 1.1467."""
    borrower = await a_borrower(market)
    owner = borrower.account.address
    calls = morpho.collateral_calls(blue, COLLATERAL_WEI, owner)
    calls.append(morpho.borrow_call(blue, BORROWED, owner))
    await take_loan(market, borrower.account, COLLATERAL_WEI, calls)
    return borrower


async def a_comet_borrower(market: Market) -> Borrower:
    """Make an account that borrows USDC from the stand-in against ten ether: health factor 1.1933."""
    borrower = await a_borrower(market)
    calls = comet.supply_calls(market.comet, market.weth, COLLATERAL_WEI)
    calls.append(comet.withdraw_call(market.comet, market.usdc, BORROWED))
    await take_loan(market, borrower.account, COLLATERAL_WEI, calls)
    return borrower


async def comet_health(market: Market, borrower: Borrower) -> float:
    """Return the health factor of a loan of the stand-in, in USDC at one dollar."""
    devnet, owner = market.devnet, borrower.account.address
    call = abi_call(market.comet.address, "userCollateral(address,address)", owner, market.weth)
    held = await ask_int(devnet.rpc_url, call)
    price = await ask_int(devnet.rpc_url, abi_call(market.eth_usd.proxy, "latestAnswer()"))
    weighted = held * price * comet.LIQUIDATE_FACTOR / 10**44
    return weighted / (await comet.debt(devnet, market.comet, owner) / USDC)


async def an_agent(market: Market, folder: Path, jobs: Sequence[Job], *, uses: int = 3) -> None:
    """Write an operator's files, and have each owner grant the session that `sessions new` makes."""
    devnet = market.devnet
    write_config(devnet, folder, a_key())
    config = folder / "sessionkeeper.yaml"
    weth = f'    tokens:\n      WETH: {{address: "{market.weth}", decimals: 18}}\n'
    config.write_text(config.read_text().replace("    tokens:\n", weth))
    until = Timestamp(await chain.block_time(devnet) + MONTH_S)
    for job in jobs:
        text = (
            f"id: {job.name}\nkind: loan_repay\nchain: 31337\n"
            f'account: "{job.borrower.account.address}"\nsession: {job.name}\nspec:\n{job.spec}'
        )
        (folder / "jobs" / f"{job.name}.yaml").write_text(text)
        await asyncio.to_thread(_grant, folder, job, Wish(uses=uses, until=until, headroom=1))


def _grant(folder: Path, job: Job, wish: Wish) -> None:
    kind = job.borrower.account.kind.name
    made = made_sessions(None, folder / "jobs" / f"{job.name}.yaml", None, kind, wish)
    write_sessions(made.sessions)
    owner_file = folder / f"{job.name}.key"
    owner_file.write_text("0x" + job.borrower.owner_key.hex())
    assert granted(folder, job.name, OwnerKeys(owner_file)).is_enabled


async def run_once(folder: Path, wrap: Wrap = unwrapped) -> None:
    """Let the worker do what the head asks for, and end."""
    settings = settings_for(folder)
    definitions = load_definitions(settings)
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        await serve_worker(settings, definitions, once=True, on_started=lambda _: None, wrap=wrap)


@dataclass
class LateBundler:
    """A bundler before which something else happens, once."""

    bundler: Bundler
    event: Callable[[], Awaitable[None]] | None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the port
        return getattr(self.bundler, name)

    async def send(self, operation: JournaledOperation) -> SendAnswer:
        """Let it happen, then send."""
        if self.event is not None:
            await self.event()
            # Where the local chain did not take it, it happens before the next send.
            self.event = None
        return await self.bundler.send(operation)


def before_sending(event: Callable[[], Awaitable[None]]) -> Wrap:
    """Return what makes something happen between the plan of an operation and its inclusion."""

    def wrapped(world: World) -> World:
        jobs = {}
        for name, job in world.jobs.items():
            bundlers: tuple[Bundler, ...] = (LateBundler(job.chain.bundlers[0], event),)
            jobs[name] = replace(job, chain=replace(job.chain, bundlers=bundlers))
        return replace(world, jobs=jobs)

    return wrapped


@dataclass(frozen=True)
class Books:
    """What the journal has of the jobs."""

    runs: Mapping[str, tuple[Occurrence, ...]]
    triggers: Mapping[str, TriggerRow]
    operations: Mapping[str, tuple[JournaledOperation, ...]]
    """All that was signed for a job, by run and in order."""


async def books(folder: Path) -> Books:
    """Read the journal."""
    settings = settings_for(folder)
    definitions = load_definitions(settings)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        return await _books(world)


async def _books(world: World) -> Books:
    found = await world.services.journal.occurrences()
    names = list(world.definitions.jobs)
    runs = {name: tuple(run for run in found if run.job_id == name) for name in names}
    signed = {run.id: await world.services.journal.operations(run.id) for run in found}
    operations = {name: tuple(item for run in runs[name] for item in signed[run.id]) for name in names}
    return Books(runs, await world.services.journal.triggers(names), operations)


async def aave_health(market: Market, borrower: Borrower) -> float:
    """Return the health factor that Aave tells."""
    return (await account_data(market.devnet, market.aave, borrower.account.address)).health_factor / HF
