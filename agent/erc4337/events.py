"""Logs that tell what became of an operation (EntryPoint 0.6 to 0.8) and of a token transfer (ERC-20)."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.units import Address, Gas, Hash32, Wei

BEFORE_EXECUTION = Hash32.from_hex("0xbb47ee3e183a558b1a2ff0874b079f3fc5478b7454eacf2bfc5af2ff5878f972")
"""The validation of all operations of the bundle ends here."""
USER_OPERATION_EVENT = Hash32.from_hex("0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f")
USER_OPERATION_REVERT_REASON = Hash32.from_hex(
    "0x1c4fada7374c0a9ee8841fc38afe82932dc0f8e69012e927f061a8bae611a201"
)
POST_OP_REVERT_REASON = Hash32.from_hex("0xf62676f440ff169a3a9afdbf812e89e7f95975ee8e5c31214ffdef631c5f4792")
USER_OPERATION_PREFUND_TOO_LOW = Hash32.from_hex(
    "0x67b4fa9642f42120bf031f3051d1824b0fe25627945b27b8a6a65d5761d5482e"
)
TRANSFER = Hash32.from_hex("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")


@dataclass(frozen=True, slots=True)
class UserOperationEvent:
    """An operation was included; `success` is about its execution."""

    user_op_hash: Hash32
    sender: Address
    paymaster: Address
    nonce: int
    success: bool
    actual_gas_cost_wei: Wei
    actual_gas_used: Gas


@dataclass(frozen=True, slots=True)
class RevertReason:
    """Why an included operation did not succeed: revert data of its execution or of the paymaster's."""

    user_op_hash: Hash32
    sender: Address
    nonce: int
    revert_data: bytes


@dataclass(frozen=True, slots=True)
class Transfer:
    """Tokens moved; the token is the address that logged it. `amount` is in the token's smallest unit."""

    sender: Address
    recipient: Address
    amount: int


def decode_user_operation_event(topics: Sequence[bytes], data: bytes) -> UserOperationEvent:
    """Read a UserOperationEvent; raise ValueError when the log is another one."""
    _expect(topics, USER_OPERATION_EVENT, 4, data, 128)
    return UserOperationEvent(
        Hash32(topics[1]),
        Address(topics[2][12:]),
        Address(topics[3][12:]),
        _word(data, 0),
        _word(data, 1) != 0,
        Wei(_word(data, 2)),
        Gas(_word(data, 3)),
    )


def decode_revert_reason(topics: Sequence[bytes], data: bytes) -> RevertReason:
    """Read a UserOperationRevertReason or PostOpRevertReason; raise ValueError for another log."""
    post_op = bool(topics) and topics[0] == POST_OP_REVERT_REASON
    kind = POST_OP_REVERT_REASON if post_op else USER_OPERATION_REVERT_REASON
    _expect(topics, kind, 3, data, 96)
    start = _word(data, 1)
    length = int.from_bytes(data[start : start + 32], "big")
    reason = data[start + 32 : start + 32 + length]
    if len(reason) != length:
        raise ValueError(f"revert reason has {len(reason)} bytes, not {length}")
    return RevertReason(Hash32(topics[1]), Address(topics[2][12:]), _word(data, 0), reason)


def decode_transfer(topics: Sequence[bytes], data: bytes) -> Transfer:
    """Read an ERC-20 Transfer; raise ValueError when the log is another one (ERC-721 has a fourth topic)."""
    _expect(topics, TRANSFER, 3, data, 32)
    return Transfer(Address(topics[1][12:]), Address(topics[2][12:]), _word(data, 0))


def _expect(topics: Sequence[bytes], topic: Hash32, count: int, data: bytes, size: int) -> None:
    if len(topics) != count or topics[0] != topic or len(data) < size:
        raise ValueError(f"log with {len(topics)} topics and {len(data)} bytes is not {topic}")


def _word(data: bytes, index: int) -> int:
    return int.from_bytes(data[32 * index : 32 * index + 32], "big")
