"""What a receipt says about an operation's delivery, and when it says nothing yet."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.domain.evaluation import Delivered, Delivery, NotDelivered
from agent.domain.units import Address, Hash32
from agent.erc4337.events import TRANSFER, USER_OPERATION_EVENT
from agent.pipeline.delivery import with_delivery
from agent.ports import Log, TransactionReceipt
from tests.builders import ENTRY_POINT, a_hash, an_inclusion

TOKEN = Address(bytes(19) + b"\xcc")
SEEN = an_inclusion(delivered=None)


def a_log(address: Address, *topics: Hash32) -> Log:
    return Log(address, topics, b"", SEEN.block_number, SEEN.block_hash, SEEN.transaction_hash, 0)


OUR_EVENT = a_log(ENTRY_POINT, USER_OPERATION_EVENT, SEEN.user_op_hash)
THEIR_EVENT = a_log(ENTRY_POINT, USER_OPERATION_EVENT, a_hash(50))
PAYMENT = a_log(TOKEN, TRANSFER)


def a_receipt(*logs: Log, block_hash: Hash32 = SEEN.block_hash) -> TransactionReceipt:
    return TransactionReceipt(SEEN.transaction_hash, SEEN.block_number, block_hash, 1, logs)


def one_payment(logs: Sequence[Log]) -> Delivery:
    """Confirm as a kind does that wants one transfer."""
    return Delivered() if len(logs) == 1 else NotDelivered("nothing_paid", f"{len(logs)} transfers")


@pytest.mark.parametrize(
    "receipt",
    [None, a_receipt(PAYMENT, OUR_EVENT, block_hash=a_hash(999)), a_receipt(PAYMENT, THEIR_EVENT)],
    ids=["none", "another block", "without our event"],
)
def test_a_node_that_is_behind_says_nothing(receipt: TransactionReceipt | None) -> None:
    assert with_delivery(SEEN, receipt, ENTRY_POINT, one_payment) is None


@pytest.mark.parametrize(
    ("receipt", "delivered", "why"),
    [
        (a_receipt(PAYMENT, OUR_EVENT), True, ""),
        (a_receipt(OUR_EVENT), False, "nothing_paid: 0 transfers"),
        (a_receipt(PAYMENT, THEIR_EVENT, OUR_EVENT), False, "nothing_paid: 0 transfers"),
    ],
    ids=["paid", "not paid", "another operation paid"],
)
def test_the_kind_judges_our_own_logs(receipt: TransactionReceipt, delivered: bool, why: str) -> None:  # noqa: FBT001 - a column of the table
    expected = replace(SEEN, delivered=delivered, why=why)

    assert with_delivery(SEEN, receipt, ENTRY_POINT, one_payment) == expected
