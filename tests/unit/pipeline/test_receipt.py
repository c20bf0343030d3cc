"""Which logs of a bundle belong to our operation, and how often its receipt is asked for."""

import asyncio

import pytest

from agent.adapters.chain_rpc import ChainRpc
from agent.domain.errors import ChainUnavailable
from agent.domain.units import Address, Hash32
from agent.erc4337.events import BEFORE_EXECUTION, TRANSFER, USER_OPERATION_EVENT
from agent.pipeline.receipt import Receipts, operation_logs
from agent.ports import Log, TransactionReceipt
from tests.builders import CHAIN_ID, ENTRY_POINT, a_hash
from tests.unit.adapters.servers import NodeServer, Refusal, endpoints_of

TOKEN = Address(bytes(19) + b"\xcc")


def a_log(address: Address, *topics: Hash32, index: int = 0) -> Log:
    return Log(address, topics, b"", 1, a_hash(1), a_hash(2), index)


def test_only_the_logs_since_the_operation_before_are_ours() -> None:
    theirs = a_log(TOKEN, TRANSFER, index=0)
    ours = a_log(TOKEN, TRANSFER, index=2)
    receipt = TransactionReceipt(
        a_hash(2),
        1,
        a_hash(1),
        1,
        (
            theirs,
            a_log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(50), index=1),
            ours,
            a_log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(51), index=3),
        ),
    )

    assert operation_logs(receipt, ENTRY_POINT, a_hash(51)) == (ours,)
    assert operation_logs(receipt, ENTRY_POINT, a_hash(50)) == (theirs,)


def test_a_receipt_without_our_event_says_nothing_about_our_logs() -> None:
    receipt = TransactionReceipt(a_hash(2), 1, a_hash(1), 1, (a_log(TOKEN, TRANSFER),))

    assert operation_logs(receipt, ENTRY_POINT, a_hash(51)) is None


async def test_operations_of_one_bundle_ask_for_its_receipt_once() -> None:
    node = NodeServer()

    async with endpoints_of([node.handle]) as clients:
        receipts = Receipts(ChainRpc(CHAIN_ID, clients))
        found = await asyncio.gather(*(receipts.of(a_hash(seed)) for seed in (1, 1, 2, 1)))

    assert found == [None] * 4
    assert node.asked["eth_getTransactionReceipt"] == 2


async def test_every_operation_of_a_bundle_hears_that_its_receipt_cannot_be_had() -> None:
    node = NodeServer(fail=Refusal(-32000, "the index is behind"))

    async with endpoints_of([node.handle]) as clients:
        receipts = Receipts(ChainRpc(CHAIN_ID, clients))
        asked = (receipts.of(a_hash(1)) for _ in range(3))
        heard = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(ChainUnavailable, match="the index is behind"):
            await receipts.of(a_hash(1))

    assert [type(error) for error in heard] == [ChainUnavailable] * 3
    assert node.asked["eth_getTransactionReceipt"] == 1


def test_what_the_entry_point_logs_of_our_execution_is_ours() -> None:
    validation = a_log(ENTRY_POINT, a_hash(60))
    deposit, theirs = a_log(ENTRY_POINT, a_hash(61)), a_log(ENTRY_POINT, a_hash(62))
    logs = (
        validation,
        a_log(ENTRY_POINT, BEFORE_EXECUTION),
        theirs,
        a_log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(50)),
        deposit,
        a_log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(51)),
    )
    receipt = TransactionReceipt(a_hash(1), 7, a_hash(2), 1, logs)
    assert operation_logs(receipt, ENTRY_POINT, a_hash(51)) == (deposit,)
    assert operation_logs(receipt, ENTRY_POINT, a_hash(50)) == (theirs,)
