"""The local chain as fixtures, and builders that make only what a test is about.

A conftest.py takes what it needs: `from tests.devnet import devnet, owner_key`.
"""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.devnet import chain, rpc
from agent.devnet.accounts import SmartAccount, create_account, install_and_enable
from agent.devnet.devnet import Devnet, running_devnet
from agent.devnet.errors import ChainCallError
from agent.devnet.options import DevnetOptions
from agent.devnet.setup import set_up
from agent.devnet.tokens import mint_usdc
from agent.domain.keccak import keccak256
from agent.domain.session import Session
from agent.domain.units import Hash32
from agent.domain.user_operation import UserOperation
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.version import EntryPointVersion
from agent.erc7579.accounts import NEXUS, AccountKind

BLOCK_TIME_S = 0.1
"""A payment is final after three blocks."""
HAPPENS_WITHIN_S = 120.0
"""What is waited for happens in a second or two; a busy machine may take much longer."""
DAY_S = 24 * 3600
STARTS_BEFORE_NOW_S = 1000 * DAY_S + int(time.time()) % DAY_S - DAY_S // 2
"""Room for many tests that move chain time by months; it must stay behind the wall clock.

The chain begins at noon, whatever time it is: no test meets a midnight that it did not move to.
"""

POLL_S = 0.05
LOOKS_PER_SEND = 200
"""A bundler may drop what it took, and says so to nobody: the same bytes go again now and then."""

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def devnet(contracts_dir: Path | None) -> AsyncIterator[Devnet]:
    """One local chain for every test of a folder in this process; tests keep apart by their own accounts.

    It ends with the folder: a chain with many accounts takes much of a processor for its empty blocks.
    """
    await asyncio.to_thread(set_up)
    options = DevnetOptions(BLOCK_TIME_S, contracts_dir, starts_before_now_s=STARTS_BEFORE_NOW_S)
    async with running_devnet(options) as running:
        yield running


@pytest_asyncio.fixture
async def devnet_snapshot(devnet: Devnet) -> AsyncIterator[Devnet]:
    """The same chain, put back afterwards: only for tests that leave the bundler alone."""
    before = await chain.snapshot(devnet)
    yield devnet
    await chain.revert(devnet, before)


@pytest.fixture
def owner_key() -> bytes:
    """A private key nobody used before."""
    return a_key()


def a_key() -> bytes:
    """Make a private key nobody used before."""
    return keccak256(f"{os.getpid()} {next(_numbers)}".encode())


async def an_account(
    devnet: Devnet,
    *,
    kind: AccountKind = NEXUS,
    usdc: int = 0,
    sessions: Sequence[Session] = (),
    owner_key: bytes | None = None,
) -> SmartAccount:
    """Make an account with ten ether, `usdc` base units and these sessions enabled."""
    account = await create_account(devnet, kind, owner_key or a_key())
    if usdc:
        await mint_usdc(devnet, account.address, usdc)
    if sessions:
        await install_and_enable(devnet, account, sessions)
    return account


async def a_nexus_account(
    devnet: Devnet, *, usdc: int = 0, sessions: Sequence[Session] = (), owner_key: bytes | None = None
) -> SmartAccount:
    """Make a Nexus account with ten ether, `usdc` base units and these sessions enabled."""
    return await an_account(devnet, usdc=usdc, sessions=sessions, owner_key=owner_key)


async def send_to_bundler(devnet: Devnet, op: UserOperation) -> Hash32:
    """Send an operation of EntryPoint 0.7 to the bundler and return the hash it answers."""
    form = user_operation_to_json(op, EntryPointVersion.V07)
    method = "eth_sendUserOperation"
    return Hash32.from_hex(await rpc.call(devnet.bundler_url, method, form, str(devnet.entry_point)))


async def bundler_receipt(devnet: Devnet, user_op_hash: Hash32, op: UserOperation) -> dict[str, Any]:
    """Wait for the bundler's receipt of an operation, which is sent again, as the worker would."""
    looks = itertools.count(1)
    deadline = time.monotonic() + HAPPENS_WITHIN_S
    while True:
        receipt = await rpc.call(devnet.bundler_url, "eth_getUserOperationReceipt", str(user_op_hash))
        if receipt is not None:
            return dict(receipt)
        if time.monotonic() > deadline:
            raise AssertionError(f"no receipt of {user_op_hash}: {await _standing(devnet, user_op_hash)}")
        if not next(looks) % LOOKS_PER_SEND:
            with contextlib.suppress(ChainCallError):
                await send_to_bundler(devnet, op)
        await asyncio.sleep(POLL_S)


async def _standing(devnet: Devnet, user_op_hash: Hash32) -> str:
    status = await rpc.call(devnet.bundler_url, "pimlico_getUserOperationStatus", str(user_op_hash))
    printed = (devnet.log_folder / "alto.log").read_text(errors="replace")[-4000:]
    return f"{status}\n{printed}"
