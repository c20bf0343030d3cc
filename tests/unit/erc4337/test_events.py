import pytest
from eth_abi.abi import encode

from agent.domain.units import Address, Gas, Hash32, Wei
from agent.erc4337 import events

HASH = Hash32(b"\x01" * 32)
SENDER = Address(b"\x02" * 20)
PAYMASTER = Address(b"\x03" * 20)


def padded(address: Address) -> bytes:
    return bytes(12) + address


def test_user_operation_event_is_read() -> None:
    topics = [events.USER_OPERATION_EVENT, HASH, padded(SENDER), padded(PAYMASTER)]
    data = encode(["uint256", "bool", "uint256", "uint256"], [7, True, 11, 13])

    event = events.decode_user_operation_event(topics, data)

    assert event == events.UserOperationEvent(
        HASH, SENDER, PAYMASTER, 7, success=True, actual_gas_cost_wei=Wei(11), actual_gas_used=Gas(13)
    )


@pytest.mark.parametrize(
    "topic", [events.USER_OPERATION_REVERT_REASON, events.POST_OP_REVERT_REASON], ids=["execution", "postOp"]
)
def test_revert_reason_is_read(topic: Hash32) -> None:
    data = encode(["uint256", "bytes"], [7, b"reason"])

    event = events.decode_revert_reason([topic, HASH, padded(SENDER)], data)

    assert event == events.RevertReason(HASH, SENDER, 7, b"reason")


def test_transfer_is_read() -> None:
    event = events.decode_transfer(
        [events.TRANSFER, padded(SENDER), padded(PAYMASTER)], (5).to_bytes(32, "big")
    )

    assert event == events.Transfer(SENDER, PAYMASTER, 5)


def test_transfer_of_one_unique_token_is_another_event() -> None:
    with pytest.raises(ValueError, match="4 topics"):
        events.decode_transfer([events.TRANSFER, padded(SENDER), padded(PAYMASTER), HASH], b"")
