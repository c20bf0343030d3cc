"""Hold what the logs say against nonces and headers: an index has gaps, and keeps what a reorg took away."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from agent.domain.occurrence import Inclusion
from agent.domain.units import Address, Hash32
from agent.pipeline.receipt import inclusions
from agent.ports import ChainReader

BLOCKS_AT_A_TIME = 250
"""What was missed in a wide range may be found in a narrow one."""


async def found_again(
    chain: ChainReader, entry_point: Address, hashes: Sequence[Hash32], first: int, last: int
) -> dict[Hash32, Inclusion]:
    """Return what a thorough search finds of operations whose nonce is used and that no log has shown."""
    if not hashes:
        return {}
    return await inclusions(chain, entry_point, hashes, first, last, blocks_per_query=BLOCKS_AT_A_TIME)


async def on_chain(
    chain: ChainReader, found: Mapping[Hash32, Inclusion], doubted: Collection[int]
) -> dict[Hash32, Inclusion]:
    """Return the inclusions but for those in a doubted block that is not the chain's at its height."""
    numbers = sorted({seen.block_number for seen in found.values()} & set(doubted))
    headers = await asyncio.gather(*map(chain.block, numbers))
    standing = {block.number: block.hash for block in headers}
    return {
        user_op_hash: seen
        for user_op_hash, seen in found.items()
        if standing.get(seen.block_number, seen.block_hash) == seen.block_hash
    }
