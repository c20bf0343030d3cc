"""Every operation that an account's session keys got onto the chain, and every token that left it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode

from tests.acceptance.oracle.node import Node

ENTRY_POINT = "0x0000000071727de22e5e9d8baf0edac6f37da032"
SMART_SESSION = "00000000008bdaba73cd9815d79069c247eb4bda"
OPERATION_EVENT = "0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f"
TRANSFER_EVENT = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
HANDLE_OPS = "765e827f"
PACKED = "(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)[]"
EXECUTE = "e9ae5c53"
TRANSFER = "a9059cbb"

Promise = tuple[str | None, str, int]
"""Token (None for ether), payee, amount."""


@dataclass(frozen=True)
class Operation:
    """One operation of a session key that a bundle held."""

    hash: str
    account: str
    nonce_key: int
    sequence: int
    success: bool
    gas_cost_wei: int
    transaction_hash: str
    block_number: int
    block_hash: str
    block_time: int
    call_data: str
    signature: str
    calls: tuple[Promise, ...]
    """What it asked the account to pay."""
    transfers: tuple[Promise, ...]
    """What token logs say it paid."""


@dataclass(frozen=True)
class Outflow:
    """One Transfer log out of an account."""

    token: str | None
    to: str
    amount: int
    transaction_hash: str
    log_index: int


def session_operations(node: Node, account: str) -> list[Operation]:
    """Return the account's operations under Smart Sessions lanes, in the chain's order."""
    logs = node.logs(ENTRY_POINT, [OPERATION_EVENT, None, topic(account)])
    return [_operation(node, account, log) for log in logs if _is_of_session(log)]


def outflows(node: Node, token: str, account: str) -> list[Outflow]:
    """Return every transfer of the token out of the account."""
    return [_outflow(log) for log in node.logs(token, [TRANSFER_EVENT, topic(account)])]


def topic(address: str) -> str:
    """Return an address as a log's topic."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def _is_of_session(log: Mapping[str, Any]) -> bool:
    # The nonce is the first word of the data; its key, all but 64 bits, ends with the validator.
    return str(log["data"])[2 : 2 + 48].endswith(SMART_SESSION)


def _operation(node: Node, account: str, log: Mapping[str, Any]) -> Operation:
    nonce, success, cost, _ = decode(["uint256", "bool", "uint256", "uint256"], _bytes(log["data"]))
    call_data, signature = _packed(node, log["transactionHash"], account, nonce)
    receipt = node.ask("eth_getTransactionReceipt", log["transactionHash"])
    return Operation(
        hash=log["topics"][1],
        account=account,
        nonce_key=nonce >> 64,
        sequence=nonce & (2**64 - 1),
        success=success,
        gas_cost_wei=cost,
        transaction_hash=log["transactionHash"],
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        block_time=node.block_time(log["blockNumber"]),
        call_data="0x" + call_data.hex(),
        signature="0x" + signature.hex(),
        calls=tuple(promise(*call) for call in executions(call_data)),
        transfers=tuple(_transfers(receipt["logs"], log["topics"][1], account)),
    )


def _packed(node: Node, transaction_hash: str, account: str, nonce: int) -> tuple[bytes, bytes]:
    data = _bytes(node.ask("eth_getTransactionByHash", transaction_hash)["input"])
    if data[:4].hex() != HANDLE_OPS:
        raise ValueError(f"{transaction_hash} is no handleOps of EntryPoint 0.7")
    operations, _ = decode([PACKED, "address"], data[4:])
    return next((op[3], op[8]) for op in operations if op[:2] == (account, nonce))


def executions(call_data: bytes) -> Iterable[tuple[str, int, bytes]]:
    """Return target, value and data of each call of an ERC-7579 execution; raise ValueError otherwise."""
    if call_data[:4].hex() != EXECUTE:
        raise ValueError(f"not execute(bytes32,bytes): 0x{call_data[:4].hex()}")
    mode, execution = decode(["bytes32", "bytes"], call_data[4:])
    if mode[0] == 0:
        target, value = "0x" + execution[:20].hex(), int.from_bytes(execution[20:52], "big")
        return [(target, value, execution[52:])]
    (batch,) = decode(["(address,uint256,bytes)[]"], execution)
    return list(batch)


def promise(target: str, value: int, data: bytes) -> Promise:
    """Return what a call pays; raise ValueError when it is no payment."""
    if not data:
        return None, target, value
    if data[:4].hex() != TRANSFER or value:
        raise ValueError(f"a call of 0x{data[:4].hex()} with {value} wei is no payment")
    payee, amount = decode(["address", "uint256"], data[4:])
    return target, payee, amount


def _transfers(logs: Iterable[Mapping[str, Any]], op_hash: str, account: str) -> Iterator[Promise]:
    """Yield the transfers between the operation before this one in the bundle and its own event."""
    mine: list[Promise] = []
    for log in logs:
        if log["address"].lower() == ENTRY_POINT:
            if log["topics"][:2] == [OPERATION_EVENT, op_hash]:
                yield from mine
                return
            mine = []
        elif log["topics"][:2] == [TRANSFER_EVENT, topic(account)]:
            flow = _outflow(log)
            mine.append((flow.token, flow.to, flow.amount))


def _outflow(log: Mapping[str, Any]) -> Outflow:
    return Outflow(
        token=log["address"].lower(),
        to="0x" + log["topics"][2][-40:],
        amount=int(log["data"], 16),
        transaction_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
    )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
