"""The transactions that granted sessions, found by the module's logs."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.errors import AgentError
from agent.domain.units import Address, Hash32
from agent.ports import ChainReader, Log
from agent.smart_sessions.events import ENABLING, decode_module_event
from agent.smart_sessions.on_chain import Location

BLOCKS_AT_ONCE = 10_000
MOST_RANGES = 50


@dataclass(frozen=True, slots=True)
class Grantings:
    """What the transactions were called with, oldest first, and what kept the search short."""

    calldata: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()


async def granting_calldata(
    reader: ChainReader, places: Sequence[Location], from_block: int, to_block: int
) -> Grantings:
    """Return the calldata of every transaction that enabled one of these; what a node refuses is noted."""
    notes: list[str] = []
    logs: list[Log] = []
    for module in dict.fromkeys(place.smart_session for place in places):
        found, note = await _logs(reader, module, from_block, to_block)
        logs += found
        notes += [note] if note else []
    hashes = dict.fromkeys(log.transaction_hash for log in logs if _is_about(log, places))
    calldata: list[bytes] = []
    for transaction in hashes:
        data = await _input(reader, transaction)
        if data is None:
            notes.append(f"the node no longer has the transaction {transaction}")
        else:
            calldata.append(data)
    return Grantings(tuple(calldata), tuple(notes))


async def _logs(
    reader: ChainReader, module: Address, from_block: int, to_block: int
) -> tuple[list[Log], str]:
    # No parameter is indexed: the node can select by contract and kind alone.
    topics = [sorted(told.topic for told in ENABLING)]
    try:
        return list(await reader.logs(module, topics, from_block, to_block)), ""
    except AgentError:
        return await _newest_logs(reader, module, topics, from_block, to_block)


async def _newest_logs(
    reader: ChainReader, module: Address, topics: Sequence[Sequence[Hash32]], from_block: int, to_block: int
) -> tuple[list[Log], str]:
    """Ask for ranges that most nodes answer, the newest ones."""
    ranges: list[list[Log]] = []
    end = to_block
    for _ in range(MOST_RANGES):
        if end < from_block:
            break
        start = max(from_block, end - BLOCKS_AT_ONCE + 1)
        try:
            ranges.append(list(await reader.logs(module, topics, start, end)))
        except AgentError as error:
            return _joined(ranges), f"the node refused the logs of blocks {from_block} to {end}: {error}"
        end = start - 1
    note = f"logs before block {end + 1} were not looked at" if end >= from_block else ""
    return _joined(ranges), note


def _joined(newest_first: Sequence[list[Log]]) -> list[Log]:
    return [log for logs in reversed(newest_first) for log in logs]


def _is_about(log: Log, places: Sequence[Location]) -> bool:
    event = decode_module_event(log.topics, log.data, log.block_number)
    return event is not None and any(
        (log.address, event.account, event.permission_id)
        == (place.smart_session, place.account, place.permission_id)
        for place in places
    )


async def _input(reader: ChainReader, transaction: Hash32) -> bytes | None:
    try:
        return await reader.transaction_input(transaction)
    except AgentError:
        return None
