"""Which logs of a bundle belong to our operation."""

from agent.domain.units import Address, Hash32
from agent.erc4337.events import TRANSFER, USER_OPERATION_EVENT
from agent.pipeline.receipt import operation_logs
from agent.ports import Log, TransactionReceipt
from tests.builders import ENTRY_POINT, a_hash

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


def test_a_receipt_without_our_event_has_no_logs_of_ours() -> None:
    receipt = TransactionReceipt(a_hash(2), 1, a_hash(1), 1, (a_log(TOKEN, TRANSFER),))

    assert operation_logs(receipt, ENTRY_POINT, a_hash(51)) == ()
