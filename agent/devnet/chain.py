"""Move the chain: blocks, time, snapshots, reorganisations."""

import asyncio
import time
from contextlib import suppress

from agent.devnet import rpc
from agent.devnet.devnet import Devnet
from agent.devnet.errors import ChainCallError
from agent.domain.units import Timestamp

LOOK_S = 0.005
NO_BLOCK_COMES_S = 2.0
"""A chain that mines none for so long mines none by itself, or so seldom that it does not matter."""


async def mine(devnet: Devnet, blocks: int = 1) -> None:
    """Mine that many blocks now."""
    await rpc.call(devnet.rpc_url, "anvil_mine", hex(blocks))


async def increase_time(devnet: Devnet, seconds: int) -> Timestamp:
    """Move chain time forward, mine a block there and return its time."""
    await rpc.call(devnet.rpc_url, "evm_increaseTime", seconds)
    await rpc.call(devnet.rpc_url, "evm_mine")
    return await block_time(devnet)


async def move_time_to(devnet: Devnet, timestamp: Timestamp) -> None:
    """Mine a block at that time; later blocks go on from there."""
    await increase_time(devnet, timestamp - await block_time(devnet))


async def block_time(devnet: Devnet, block: str = "latest") -> Timestamp:
    """Return the time of a block."""
    header = await rpc.block(devnet.rpc_url, block)
    return Timestamp(int(header["timestamp"], 16))


async def block_number(devnet: Devnet) -> int:
    """Return the number of the latest block."""
    return int(await rpc.call(devnet.rpc_url, "eth_blockNumber"), 16)


async def set_block_time(devnet: Devnet, seconds: int | None) -> None:
    """Mine every so many seconds, with 0 a block per transaction, with None nothing."""
    if seconds:
        await rpc.call(devnet.rpc_url, "evm_setIntervalMining", seconds)
        return
    await rpc.call(devnet.rpc_url, "evm_setIntervalMining", 0)
    await rpc.call(devnet.rpc_url, "evm_setAutomine", seconds == 0)


async def snapshot(devnet: Devnet) -> str:
    """Remember the state of the chain. The bundler remembers none: use it without the bundler only."""
    return str(await rpc.call(devnet.rpc_url, "evm_snapshot"))


async def revert(devnet: Devnet, snapshot_id: str) -> None:
    """Go back to a snapshot, which is then used up."""
    await _block_mined(devnet)
    await rpc.call(devnet.rpc_url, "evm_revert", snapshot_id)
    # Where a block was in the making after all, numbers are missing: none that anybody asks for by a tag.
    while await _hash(devnet, "finalized") is None:
        await mine(devnet)


async def reorg(devnet: Devnet, depth: int) -> None:
    """Replace the last blocks by empty ones; their transactions are gone, from the pool too."""
    before = await _block_mined(devnet)
    await rpc.call(devnet.rpc_url, "anvil_reorg", depth, [])
    await _close_gap(devnet, before - depth)


async def reorg_from(devnet: Devnet, block: int) -> None:
    """Replace this block and all after it by empty ones, as `reorg` does."""
    old = await rpc.block(devnet.rpc_url, hex(block))
    while True:
        head = await _block_mined(devnet)
        await rpc.call(devnet.rpc_url, "anvil_reorg", head - block + 1, [])
        # A block that came after the head was read counts: then the reorg began one later. An empty block may
        # be replaced by its like.
        if not old["transactions"] or await _hash(devnet, hex(block)) != old["hash"]:
            break
    await _close_gap(devnet, block)


async def _close_gap(devnet: Devnet, low: int) -> None:
    """Replace what is above numbers that are missing, from the block on that is below them."""
    while missing := await _missing(devnet, low):
        head = await _block_mined(devnet)
        # It refuses where one more block came meanwhile, for then it would begin among those missing.
        with suppress(ChainCallError):
            await rpc.call(devnet.rpc_url, "anvil_reorg", head - missing[0] + 1, [])


async def _missing(devnet: Devnet, low: int) -> list[int]:
    numbers = range(low, await block_number(devnet) + 1)
    asked = [rpc.Request("eth_getBlockTransactionCountByNumber", (hex(number),)) for number in numbers]
    counts = await rpc.batch(devnet.rpc_url, asked)
    return [number for number, count in zip(numbers, counts, strict=True) if count is None]


async def _hash(devnet: Devnet, block: str) -> str | None:
    """Return the hash of a block by number or tag; None where its number is missing."""
    full_transactions = False
    header = await rpc.call(devnet.rpc_url, "eth_getBlockByNumber", block, full_transactions)
    return None if header is None else str(header["hash"])


async def _block_mined(devnet: Devnet) -> int:
    """Wait until a block is mined, or until none comes by itself; return the head's number.

    A block that anvil is in the middle of as the chain goes back is put where it would have been, above the
    new head, and the numbers between are missing. Right after a block it is in the middle of none.
    """
    before, deadline = await block_number(devnet), time.monotonic() + NO_BLOCK_COMES_S
    while True:
        head = await block_number(devnet)
        if head != before or time.monotonic() > deadline:
            return head
        await asyncio.sleep(LOOK_S)
