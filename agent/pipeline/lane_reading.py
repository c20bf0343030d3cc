"""Read from the chain what used a lane's sequences, for a journal that does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.lane_history import Executed, Purpose
from agent.domain.occurrence import Inclusion
from agent.domain.units import Hash32
from agent.erc4337.calldata import bundled_operations, nonce_call
from agent.erc4337.events import USER_OPERATION_EVENT, UserOperationEvent, decode_user_operation_event
from agent.erc4337.nonce import split_nonce
from agent.erc4337.user_op_hash import user_op_hash
from agent.erc7579.execution import decode_execute
from agent.pipeline.context import JobContext
from agent.pipeline.receipt import BLOCKS_PER_QUERY
from agent.ports import Block, Log
from agent.smart_sessions.harmless import moves_nothing

MOST_QUERIES = 2_000
"""Of logs, backwards from the final block: three months of blocks that come every other second."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One operation of the lane in a block."""

    log: Log
    event: UserOperationEvent
    call_data: bytes | None
    """None where the bundle's transaction does not show it."""

    @property
    def sequence(self) -> int:
        """Its sequence in the lane."""
        return split_nonce(self.event.nonce)[1]

    @property
    def inclusion(self) -> Inclusion:
        """Where it was included; nobody looked at what it delivered."""
        return Inclusion(
            user_op_hash=self.event.user_op_hash,
            transaction_hash=self.log.transaction_hash,
            block_number=self.log.block_number,
            block_hash=self.log.block_hash,
            success=self.event.success,
            actual_gas_cost_wei=self.event.actual_gas_cost_wei,
        )


async def lane_sequence(job: JobContext, block: Block) -> int:
    """Return the lane's next sequence at a block; raises ChainUnavailable."""
    call = nonce_call(job.definition.account, job.nonce_key)
    word = await job.chain.agreed.call(job.chain.entry_point, call, block.number)
    return split_nonce(int.from_bytes(word, "big"))[1]


async def lane_history(job: JobContext, first: int, end: int, final: Block) -> tuple[Executed, ...]:
    """Return what used the sequences from `first` up to but without `end`, in their order.

    A sequence that no log shows has no inclusion and the time of the next one that has one: they are used in
    order. Raises ChainUnavailable.
    """
    seen = {item.sequence: item for item in await _lane_operations(job, first, final)}
    return tuple(await _executed(job, seen, first, end, final))


async def operation_at(job: JobContext, sequence: int, first_block: int) -> Seen | None:
    """Return what used a sequence in a final block from `first_block` on; raises ChainUnavailable."""
    final = await job.chain.agreed.finalized()
    for log, event in await _logs(job, min(first_block, final.number), final.number):
        if event.nonce == job.nonce_key << 64 | sequence:
            return Seen(log, event, await _call_data(job, log, event))
    return None


async def _lane_operations(job: JobContext, first: int, final: Block) -> Sequence[Seen]:
    found: list[Seen] = []
    end = final.number
    for _ in range(MOST_QUERIES):
        start = max(end - BLOCKS_PER_QUERY + 1, 0)
        for log, event in await _logs(job, start, end):
            if split_nonce(event.nonce)[1] >= first:
                found.append(Seen(log, event, await _call_data(job, log, event)))
        if start == 0 or any(item.sequence == first for item in found):
            break
        end = start - 1
    return found


async def _logs(job: JobContext, start: int, end: int) -> list[tuple[Log, UserOperationEvent]]:
    sender = Hash32(bytes(12) + job.definition.account)
    topics = ((USER_OPERATION_EVENT,), None, (sender,))
    found = []
    for first in range(start, end + 1, BLOCKS_PER_QUERY):
        last = min(first + BLOCKS_PER_QUERY - 1, end)
        for log in await job.chain.agreed.logs(job.chain.entry_point, topics, first, last):
            event = decode_user_operation_event(log.topics, log.data)
            if event.nonce >> 64 == job.nonce_key:
                found.append((log, event))
    return found


async def _call_data(job: JobContext, log: Log, event: UserOperationEvent) -> bytes | None:
    """Return the call data of the operation that ran, None where its transaction does not show it.

    A bundler may go through a contract of its own, whose input says what the bundler likes: an operation that
    is found there is the one that ran only if it has its hash.
    """
    chain = job.chain
    data = await chain.agreed.transaction_input(log.transaction_hash) or b""
    try:
        operations = bundled_operations(data, chain.version)
    except ValueError:
        return None
    for found in operations:
        hashed = user_op_hash(found, chain.entry_point, job.definition.chain_id, chain.version)
        if hashed == event.user_op_hash:
            return found.call_data
    return None


async def _executed(
    job: JobContext, seen: Mapping[int, Seen], first: int, end: int, final: Block
) -> list[Executed]:
    at, found = final.timestamp, []
    for sequence in reversed(range(first, end)):
        item = seen.get(sequence)
        if item is None:
            found.append(Executed(sequence, at))
            continue
        at = (await job.chain.agreed.block(item.log.block_number)).timestamp
        found.append(Executed(sequence, at, purpose_of(job, item.call_data), item.inclusion))
    return found[::-1]


def purpose_of(job: JobContext, call_data: bytes | None) -> Purpose:
    """Return what an operation with this call data was for."""
    try:
        calls = decode_execute(call_data or b"")
    except ValueError:
        return Purpose.UNKNOWN
    definition = job.definition
    possible = job.kind.possible_operations(definition.spec, definition.account, 1)
    if any(operation.includes(calls) for operation in possible):
        return Purpose.PAYMENT
    return Purpose.CANCEL if moves_nothing(calls) else Purpose.UNKNOWN
