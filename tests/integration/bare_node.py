"""A node by itself, with Multicall3 and contracts of a few bytes that answer as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from agent.devnet import rpc
from agent.devnet.addresses import MULTICALL3
from agent.devnet.anvil import running_anvil
from agent.devnet.compiled import multicall3_runtime_code
from agent.devnet.options import CHAIN_ID, DevnetOptions
from agent.devnet.paths import devnet_dir
from agent.devnet.setup import set_up
from agent.domain.evaluation import Read
from agent.domain.units import Address, ChainId, Hash32

NODE_CHAIN = ChainId(CHAIN_ID)
SLOTS = Address(b"\x51" * 20)
"""Returns the storage slot that its call data names after a selector; nothing for a slot that is zero."""
ECHO = Address(b"\x52" * 20)
"""Returns its call data."""
REVERTS = Address(b"\x53" * 20)
"""Reverts with its call data."""
BURNS = Address(b"\x54" * 20)
"""Runs until its gas is gone."""
AT_ONCE = 2_000
HEAVY = Address(b"\x56" * 20)
"""Returns one, for half a million gas."""
NO_CODE = Address(b"\x55" * 20)
CODES = {
    # sload(calldataload(4)); where it is zero it stops, else it returns the word.
    SLOTS: "600435548015600f575f5260205ff35b00",
    ECHO: "365f5f37365ff3",
    REVERTS: "365f5f37365ffd",
    BURNS: "5b600056",
    HEAVY: "614e205b600190038060035760015f5260205ff3",
}


def slot(number: int) -> Read:
    """Return a read of one storage slot."""
    return Read(SLOTS, bytes(4) + number.to_bytes(32, "big"))


@asynccontextmanager
async def a_node(folder: Path) -> AsyncIterator[str]:
    """Run a node that mines when it is told to and give its URL; `set_up` must have run."""
    devnet = devnet_dir()
    async with running_anvil(devnet, folder, DevnetOptions(block_time_s=0)) as (_, url):
        codes = {address: "0x" + code for address, code in CODES.items()}
        codes[MULTICALL3] = "0x" + multicall3_runtime_code(devnet / "artifacts").hex()
        asked = [rpc.Request("anvil_setCode", (str(address), code)) for address, code in codes.items()]
        await rpc.batch(url, asked)
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session_node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """One node for all tests of this process."""
    await asyncio.to_thread(set_up)
    async with a_node(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest_asyncio.fixture
async def node_url(session_node: str) -> AsyncIterator[str]:
    """The URL of the node, which is afterwards as it was."""
    before = await rpc.call(session_node, "evm_snapshot")
    yield session_node
    await rpc.call(session_node, "evm_revert", before)


async def store(url: str, values: Iterable[tuple[int, int]]) -> None:
    """Put (slot, value) into the contract that returns them, and mine a block that has them."""
    # The node keeps a block's state once the next one is there: what is put now must not get into it.
    await rpc.call(url, "anvil_mine", "0x1")
    asked = [
        rpc.Request("anvil_setStorageAt", (str(SLOTS), hex(number), str(Hash32(value.to_bytes(32, "big")))))
        for number, value in values
    ]
    for start in range(0, len(asked), AT_ONCE):
        await rpc.batch(url, asked[start : start + AT_ONCE])
    await rpc.call(url, "anvil_mine", "0x1")
