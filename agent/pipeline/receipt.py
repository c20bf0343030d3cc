"""Find our operations in the chain's own logs; the bundler's word is never asked for."""

import asyncio
from collections.abc import Sequence

from agent.domain.occurrence import Inclusion
from agent.domain.units import Address, Hash32
from agent.erc4337.events import BEFORE_EXECUTION, USER_OPERATION_EVENT, decode_user_operation_event
from agent.ports import ChainReader, Log, TransactionReceipt

HASHES_PER_QUERY = 100
BLOCKS_PER_QUERY = 2_000


async def inclusions(
    chain: ChainReader,
    entry_point: Address,
    hashes: Sequence[Hash32],
    from_block: int,
    to_block: int,
    *,
    blocks_per_query: int = BLOCKS_PER_QUERY,
) -> dict[Hash32, Inclusion]:
    """Return where each of these operations was included in that block range, both ends included."""
    found: dict[Hash32, Inclusion] = {}
    for start in range(0, len(hashes), HASHES_PER_QUERY):
        topics = ((USER_OPERATION_EVENT,), tuple(hashes[start : start + HASHES_PER_QUERY]))
        for first in range(from_block, to_block + 1, blocks_per_query):
            last = min(first + blocks_per_query - 1, to_block)
            for log in await chain.logs(entry_point, topics, first, last):
                inclusion = _inclusion(log)
                found[inclusion.user_op_hash] = inclusion
    return found


class Receipts:
    """Receipts as one look at the chain finds them: each is asked for once, whatever its bundle holds."""

    def __init__(self, chain: ChainReader) -> None:
        self._chain = chain
        self._asked: dict[Hash32, asyncio.Future[TransactionReceipt | None]] = {}

    async def of(self, transaction_hash: Hash32) -> TransactionReceipt | None:
        """Return the receipt, None while the transaction is not mined; raises ChainUnavailable."""
        asked = self._asked.get(transaction_hash)
        if asked is None:
            asked = asyncio.ensure_future(self._chain.receipt(transaction_hash))
            self._asked[transaction_hash] = asked
        return await asked


def operation_logs(
    receipt: TransactionReceipt, entry_point: Address, user_op_hash: Hash32
) -> tuple[Log, ...] | None:
    """Return the logs between the operation before ours in the bundle and our own event; None without it.

    A bundle holds many operations: the logs of the others prove nothing about ours, nor do those of the
    validation of all of them, which comes first. What the EntryPoint itself logs, such as a deposit, is ours.
    """
    mine: list[Log] = []
    for log in receipt.logs:
        topic = log.topics[0] if log.address == entry_point and log.topics else None
        if topic == USER_OPERATION_EVENT and log.topics[1] == user_op_hash:
            return tuple(mine)
        if topic in (USER_OPERATION_EVENT, BEFORE_EXECUTION):
            mine.clear()
        else:
            mine.append(log)
    return None


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
