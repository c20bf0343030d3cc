"""A session derived from a job lets the worker run that job to its end, and nothing after it."""

import asyncio
from pathlib import Path

import pytest

from agent.bootstrap import DEVNET, Store, opened
from agent.cli.loading import load_definitions, settings_for
from agent.cli.owner_keys import OwnerKeys
from agent.cli.session_granting import granted
from agent.cli.session_making import made_sessions
from agent.commands.session_grant import GrantPlan
from agent.commands.session_need import Wish
from agent.commands.session_new import write_sessions
from agent.commands.session_usage import SessionUsage, session_usage
from agent.devnet import chain
from agent.devnet.accounts import address_of, create_account
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import balance_wei, mint_usdc, token_balance
from agent.domain.units import Address, Timestamp
from agent.erc7579.accounts import KERNEL, NEXUS, REFERENCE, SAFE7579, AccountKind
from agent.service import serve_worker
from tests.devnet import a_key
from tests.devnet_config import write_config

DAY_S = 86_400
USES = 3
JOB = """\
id: rent
kind: subscription
chain: 31337
account: "{account}"
session: rent
schedule: {{interval: 1d, anchor: "1970-01-01T00:00:00Z"}}
spec: {{amount: "{amount}", payee: "{payee}"}}
grace: 6h
"""


@pytest.mark.parametrize(
    ("amount", "units", "kind"),
    [
        ("12 USDC", 12_000_000, NEXUS),
        ("0.05 ether", 5 * 10**16, KERNEL),
        ("12 USDC", 12_000_000, SAFE7579),
        ("0.05 ether", 5 * 10**16, REFERENCE),
    ],
    ids=["nexus", "kernel", "safe7579", "reference"],
)
async def test_worker_pays_under_a_derived_session(
    devnet: Devnet, tmp_path: Path, amount: str, units: int, kind: AccountKind
) -> None:
    owner_key, payee = a_key(), address_of(a_key())
    account = await create_account(devnet, kind, owner_key)
    await mint_usdc(devnet, account.address, 100_000_000)
    _write_files(devnet, tmp_path, account.address, payee, amount)
    plan = await asyncio.to_thread(_made_and_granted, tmp_path, owner_key, kind)
    assert plan.is_enabled

    await _run_once(tmp_path)
    for _ in range(USES):
        await _next_day(devnet)
        await _run_once(tmp_path)

    paid = await token_balance(devnet, devnet.usdc, payee) if amount.endswith("USDC") else 0
    assert paid + await balance_wei(devnet, payee) == USES * units
    used_up = {
        line.policy: line.remaining for line in (await _usage(tmp_path)).lines if line.policy != "SimpleGas"
    }
    assert set(used_up.values()) == {0}


def _write_files(devnet: Devnet, folder: Path, account: Address, payee: Address, amount: str) -> None:
    write_config(devnet, folder, a_key())
    (folder / "jobs" / "rent.yaml").write_text(JOB.format(account=account, amount=amount, payee=payee))


def _made_and_granted(folder: Path, owner_key: bytes, kind: AccountKind) -> GrantPlan:
    job = folder / "jobs" / "rent.yaml"
    made = made_sessions(None, job, None, kind.name, Wish(periods=USES - 1, headroom=1))
    write_sessions(made.sessions)
    owner_file = folder / "owner.key"
    owner_file.write_text("0x" + owner_key.hex())
    return granted(folder, "rent", OwnerKeys(owner_file))


async def _usage(folder: Path) -> SessionUsage:
    settings = settings_for(folder)
    definitions = load_definitions(settings)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        chain_context = world.chains[DEVNET]
        return await session_usage(chain_context, world.services.journal, definitions.sessions["rent"])


async def _next_day(devnet: Devnet) -> None:
    now = await chain.block_time(devnet)
    await chain.move_time_to(devnet, Timestamp((now // DAY_S + 1) * DAY_S + 60))


async def _run_once(folder: Path) -> None:
    settings = settings_for(folder)
    async with asyncio.timeout(180):
        await serve_worker(settings, load_definitions(settings), once=True, on_started=lambda _: None)
