"""The comparison runs on the local chain, on accounts that are made once."""

from dataclasses import replace

import pytest_asyncio

from agent.devnet.devnet import Devnet
from tests.devnet import devnet
from tests.differential.stage import Stage, a_stage, start_of

__all__ = ["devnet"]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def accounts(devnet: Devnet) -> Stage:
    """Scripts leave nothing behind, so one account of each kind does for all tests."""
    return await a_stage(devnet)


@pytest_asyncio.fixture
async def stage(accounts: Stage) -> Stage:
    """The same accounts, from the chain's time on: other tests move it."""
    return replace(accounts, start=await start_of(accounts.rpc_url))
