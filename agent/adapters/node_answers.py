"""The shapes of a node's answers, strictly: whatever has another shape is no answer."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from agent.adapters.json_rpc import Json, RpcFailure
from agent.domain.errors import ChainReverted, ChainUnavailable
from agent.domain.units import Address, Hash32, Timestamp, Wei, bytes_from_hex
from agent.ports import Block, CallFailed, Log, TransactionReceipt

Answer = TypeVar("Answer")
REVERTED = 3
VM_FAILED = -32015
_REVERT = re.compile(
    r"revert|out of gas|opcode|stack (?:under|over)flow|stack limit|invalid jump|write protection|"
    r"vm (?:execution )?error",
    re.IGNORECASE,
)
"""What a contract did; all else that an error says is about the node, a block that it lacks above all."""
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)


def shaped(parse: Callable[[Json], Answer], answer: Json) -> Answer:
    """Return the answer parsed; raises ChainUnavailable when it has another shape."""
    try:
        return parse(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ChainUnavailable(f"the node's answer has another shape ({type(error).__name__})") from None


def quantity(answer: Json) -> int:
    """Read an integer of at most 256 bits; raises ValueError."""
    if not isinstance(answer, str) or not _QUANTITY.fullmatch(answer):
        raise ValueError("not a quantity")
    return int(answer, 16)


def block(header: Json) -> Block:
    """Read a header."""
    return Block(
        number=quantity(header["number"]),
        hash=Hash32.from_hex(header["hash"]),
        timestamp=Timestamp(quantity(header["timestamp"])),
        base_fee_per_gas=Wei(quantity(header.get("baseFeePerGas") or "0x0")),
        parent_hash=Hash32.from_hex(header["parentHash"]),
    )


def receipt(answer: Json) -> TransactionReceipt:
    """Read a transaction's receipt."""
    return TransactionReceipt(
        transaction_hash=Hash32.from_hex(answer["transactionHash"]),
        block_number=quantity(answer["blockNumber"]),
        block_hash=Hash32.from_hex(answer["blockHash"]),
        status=quantity(answer["status"]),
        logs=logs(answer["logs"]),
    )


def call_data(answer: Json) -> bytes:
    """Read what a transaction was called with."""
    return bytes_from_hex(answer["input"])


def logs(items: Json) -> tuple[Log, ...]:
    """Read logs, in the chain's order whatever the node's; one that a reorg took back is none."""
    if not isinstance(items, list):
        raise TypeError("not a list of logs")
    found = [_log(item) for item in items if item.get("removed") is not True]
    return tuple(sorted(found, key=lambda log: (log.block_number, log.log_index)))


def answers_query(
    found: Sequence[Log], address: Address, topics: Sequence[Sequence[Hash32] | None], blocks: range
) -> bool:
    """Say whether all logs are what was asked for: a node may take a filter and leave out half of it."""
    return all(
        log.address == address
        and log.block_number in blocks
        and len(log.topics) >= len(topics)
        and all(
            options is None or topic in options for options, topic in zip(topics, log.topics, strict=False)
        )
        for log in found
    )


def _log(item: Json) -> Log:
    return Log(
        address=Address.from_hex(item["address"]),
        topics=tuple(Hash32.from_hex(topic) for topic in item["topics"]),
        data=bytes_from_hex(item["data"]),
        block_number=quantity(item["blockNumber"]),
        block_hash=Hash32.from_hex(item["blockHash"]),
        transaction_hash=Hash32.from_hex(item["transactionHash"]),
        log_index=quantity(item["logIndex"]),
    )


def call_value(answer: Json) -> bytes | CallFailed:
    """Read one `eth_call` of a batch."""
    if isinstance(answer, RpcFailure):
        return CallFailed(reverted(answer).data)
    value = bytes_from_hex(answer)
    return value or CallFailed(value)


def is_revert(failure: RpcFailure) -> bool:
    """Say whether a node's error tells of what a contract did."""
    return failure.code in (REVERTED, VM_FAILED) or _REVERT.search(failure.message) is not None


def reverted(failure: RpcFailure) -> ChainReverted:
    """Return the revert that a node's error tells of; raises ChainUnavailable when it tells of none."""
    data = failure.data
    if isinstance(data, dict):
        data = data.get("data")
    if not is_revert(failure):
        raise ChainUnavailable(f"eth_call failed: {failure}") from None
    if isinstance(data, str) and data.startswith("0x"):
        return ChainReverted(shaped(bytes_from_hex, data), failure.message)
    return ChainReverted(b"", failure.message)
