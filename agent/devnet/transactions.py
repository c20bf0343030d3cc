"""Send transactions from the deployer, mined at once whatever the block time."""

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from agent.devnet import rpc
from agent.devnet.errors import ChainCallError, DevnetError
from agent.devnet.keys import DEPLOYER
from agent.domain.call import Call
from agent.domain.units import Address

GAS = 15_000_000
PATIENCE = 10
"""Blocks to wait beyond one for each transaction."""
TIP_WEI = 10**9
BASE_FEES = 10
"""How far the base fee may rise, as a multiple, before a transaction is not mined."""
NOT_LOST = ("nonce too low", "already imported")
"""What anvil answers to a transaction that it mined, or that it holds."""

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def transact(rpc_url: str, call: Call, sender: Address = DEPLOYER.address) -> dict[str, Any]:
    """Send one call from an account anvil holds and return its receipt; raise DevnetError if it failed."""
    return (await transact_all(rpc_url, [call], sender))[0]


async def transact_all(
    rpc_url: str, calls: Sequence[Call], sender: Address = DEPLOYER.address
) -> list[dict[str, Any]]:
    """Send calls in this order and return their receipts; raise DevnetError if one failed."""
    async with _sending():
        receipts = await _mined(rpc_url, await _numbered(rpc_url, calls, sender))
    for call, receipt in zip(calls, receipts, strict=True):
        if receipt is None or receipt["status"] != "0x1":
            reason = "not mined" if receipt is None else await _reason(rpc_url, call, sender)
            raise DevnetError(f"the transaction to {call.target} failed: {reason}")
    return receipts


async def read(rpc_url: str, target: Address, data: bytes) -> bytes:
    """Call a contract without a transaction and return what it answers."""
    call = {"to": str(target), "data": "0x" + data.hex()}
    return bytes.fromhex((await rpc.call(rpc_url, "eth_call", call, "latest"))[2:])


def _sending() -> asyncio.Lock:
    # Two that number their transactions at the same time would give one nonce twice.
    return _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def _numbered(rpc_url: str, calls: Sequence[Call], sender: Address) -> list[dict[str, str]]:
    """Return the calls as transactions with nonces in a row: none is executed before the one before it.

    Their fees are fixed, so that a transaction that is sent again keeps its hash.
    """
    first = int(await rpc.call(rpc_url, "eth_getTransactionCount", str(sender), "pending"), 16)
    base_fee = int((await rpc.block(rpc_url))["baseFeePerGas"], 16)
    fees = {
        "maxFeePerGas": hex(BASE_FEES * base_fee + TIP_WEI),
        "maxPriorityFeePerGas": hex(TIP_WEI),
    }
    return [
        _transaction(call, sender) | fees | {"nonce": hex(first + place)} for place, call in enumerate(calls)
    ]


async def _mined(rpc_url: str, transactions: Sequence[dict[str, str]]) -> list[Any]:
    """Send transactions and have them mined; return their receipts, None for one that is not mined."""
    hashes = [await _send(rpc_url, transaction) for transaction in transactions]
    receipts = await _receipts(rpc_url, hashes)
    for _ in range(len(transactions) + PATIENCE):
        if None not in receipts:
            break
        # Even with a block per transaction the block comes after the answer; and one block holds few.
        await rpc.call(rpc_url, "evm_mine")
        await _send_forgotten(rpc_url, transactions, hashes)
        receipts = await _receipts(rpc_url, hashes)
    return receipts


async def _send_forgotten(
    rpc_url: str, transactions: Sequence[dict[str, str]], hashes: Sequence[str]
) -> None:
    """Send again what the node forgot: anvil loses transactions that arrive while it makes a block."""
    requests = [rpc.Request("eth_getTransactionByHash", (item,)) for item in hashes]
    known = await rpc.batch(rpc_url, requests)
    for transaction, found in zip(transactions, known, strict=True):
        if found is None:
            await _send_again(rpc_url, transaction)


async def _send_again(rpc_url: str, transaction: dict[str, str]) -> None:
    try:
        await _send(rpc_url, transaction)
    except ChainCallError as error:
        # It was on its way from the pool into a block when the node was asked.
        if not any(words in str(error) for words in NOT_LOST):
            raise


async def _send(rpc_url: str, transaction: dict[str, str]) -> str:
    return str(await rpc.call(rpc_url, "eth_sendTransaction", transaction))


def _transaction(call: Call, sender: Address) -> dict[str, str]:
    return {
        "from": str(sender),
        "to": str(call.target),
        "value": hex(call.value_wei),
        "data": "0x" + call.data.hex(),
        "gas": hex(GAS),
    }


async def _receipts(rpc_url: str, hashes: Sequence[str]) -> list[Any]:
    return await rpc.batch(rpc_url, [rpc.Request("eth_getTransactionReceipt", (item,)) for item in hashes])


async def _reason(rpc_url: str, call: Call, sender: Address) -> str:
    try:
        await rpc.call(rpc_url, "eth_call", _transaction(call, sender), "latest")
    except DevnetError as error:
        return str(error)
    return "no reason known"
