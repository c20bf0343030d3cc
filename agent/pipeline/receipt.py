"""Find our operations in the chain's own logs; the bundler's word is never asked for."""

from collections.abc import Sequence

from agent.domain.occurrence import Inclusion
from agent.domain.units import Address, Hash32
from agent.erc4337.events import USER_OPERATION_EVENT, decode_user_operation_event
from agent.ports import ChainReader, Log, TransactionReceipt

HASHES_PER_QUERY = 100
BLOCKS_PER_QUERY = 2_000


async def inclusions(
    chain: ChainReader, entry_point: Address, hashes: Sequence[Hash32], from_block: int, to_block: int
) -> dict[Hash32, Inclusion]:
    """Return where each of these operations was included in that block range, both ends included."""
    found: dict[Hash32, Inclusion] = {}
    for start in range(0, len(hashes), HASHES_PER_QUERY):
        topics = ((USER_OPERATION_EVENT,), tuple(hashes[start : start + HASHES_PER_QUERY]))
        for first in range(from_block, to_block + 1, BLOCKS_PER_QUERY):
            last = min(first + BLOCKS_PER_QUERY - 1, to_block)
            for log in await chain.logs(entry_point, topics, first, last):
                inclusion = _inclusion(log)
                found[inclusion.user_op_hash] = inclusion
    return found


def operation_logs(
    receipt: TransactionReceipt, entry_point: Address, user_op_hash: Hash32
) -> tuple[Log, ...]:
    """Return the logs between the operation before ours in the bundle and our own event.

    A bundle holds many operations: the logs of the others prove nothing about ours.
    """
    mine: list[Log] = []
    for log in receipt.logs:
        if log.address != entry_point:
            mine.append(log)
        elif log.topics[:1] == (USER_OPERATION_EVENT,):
            if log.topics[1] == user_op_hash:
                return tuple(mine)
            mine.clear()
    return ()


def _inclusion(log: Log) -> Inclusion:
    event = decode_user_operation_event(log.topics, log.data)
    return Inclusion(
        user_op_hash=event.user_op_hash,
        transaction_hash=log.transaction_hash,
        block_number=log.block_number,
        block_hash=log.block_hash,
        success=event.success,
        actual_gas_cost_wei=event.actual_gas_cost_wei,
    )
