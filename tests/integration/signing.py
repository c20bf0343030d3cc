"""Granting by one signature, as an operator and an owner's wallet do it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from eth_account import Account

from agent.bootstrap import Store, opened
from agent.cli.loading import load_definitions, settings_for
from agent.devnet import chain
from agent.devnet.devnet import Devnet
from agent.devnet.tokens import token_balance
from agent.domain.operation import JournaledOperation
from agent.domain.units import Timestamp
from agent.erc7579.accounts import NEXUS, AccountKind
from agent.service import serve_worker
from tests.acceptance.command import Answer, inside
from tests.integration.scenes import Scene
from tests.operator import Operator, an_operator

DAY_S = 86_400
USDC_PER_PAYMENT = 10_000_000
RENT = """\
id: {id}
kind: subscription
chain: 31337
account: "{account}"
session: main
schedule: {interval: 1d, anchor: "2020-01-01T00:00:00Z"}
spec: {amount: "10 USDC", payee: "{payee}"}
grace: 6h
"""


async def an_operator_to_sign_for(
    devnet: Devnet, folder: Path, kind: AccountKind = NEXUS, jobs: tuple[str, ...] = ("rent",)
) -> Operator:
    """Make an account with the module, a session that nobody enabled, and daily jobs under it."""
    texts = [RENT.replace("{id}", job) for job in jobs]
    return await an_operator(devnet, folder, texts, kind=kind, enabled=False)


def scene_of(operator: Operator) -> Scene:
    return Scene(operator.devnet, operator.account, operator.session, operator.session_key)


async def command(operator: Operator, *arguments: str) -> Answer:
    return await asyncio.to_thread(inside, "sessions", *arguments, "-c", operator.config)


async def message(operator: Operator, *names: str) -> dict[str, Any]:
    """Return what the wallet is given to sign."""
    asked = await command(operator, "grant", *(names or ("main",)), "--typed-data")
    assert asked.code == 0, asked.err
    document: dict[str, Any] = asked.json
    return document


def signed(operator: Operator, document: dict[str, Any], key: bytes | None = None) -> str:
    """Sign as a wallet does."""
    made = Account.sign_typed_data(key or operator.account.owner_key, full_message=document)
    return "0x" + bytes(made.signature).hex()


async def grant(operator: Operator, *names: str) -> str:
    """Have the owner sign the message, and import that."""
    signature = signed(operator, await message(operator, *names))
    taken = await command(operator, "import", *(names or ("main",)), "--signature", signature)
    assert taken.code == 0, taken.err
    return signature


async def run_once(operator: Operator) -> None:
    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    await serve_worker(settings, definitions, once=True, on_started=lambda _: None)


async def wait(operator: Operator, seconds: int) -> None:
    """Let chain time pass and have the worker do what is due then."""
    now = await chain.block_time(operator.devnet)
    await chain.move_time_to(operator.devnet, Timestamp(now + seconds))
    await run_once(operator)


async def next_day(operator: Operator) -> None:
    """Have the worker do what is due on the next day."""
    now = await chain.block_time(operator.devnet)
    await wait(operator, (now // DAY_S + 1) * DAY_S + 60 - now)


async def payments(operator: Operator) -> int:
    left = await token_balance(operator.devnet, operator.devnet.usdc, operator.account.address)
    return (1_000_000_000 - left) // USDC_PER_PAYMENT


async def states(operator: Operator) -> list[str]:
    listed = await command(operator, "signatures", "--json")
    return [kept["state"] for kept in listed.json["signatures"]]


async def codes(operator: Operator) -> list[str]:
    """Return why each run is where it is."""
    listed = await asyncio.to_thread(inside, "runs", "list", "--json", "-c", operator.config)
    return [run["code"] for run in json.loads(listed.out)["runs"]]


async def journaled(operator: Operator) -> list[JournaledOperation]:
    """Return every operation that was ever signed."""
    settings = settings_for(operator.config)
    definitions = load_definitions(settings)
    async with opened(settings, definitions, store=Store.SHARED, keys=False) as world:
        journal = world.services.journal
        rows = await journal.occurrences()
        return [item for row in rows for item in await journal.operations(row.id)]
