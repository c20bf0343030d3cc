"""Logs as the EntryPoint and a token write them, made here and not by the agent's own code."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32

if TYPE_CHECKING:
    from tests.simulation.ledger import Sent

ENTRY_POINT = Address.parse("0x0000000071727De22E5E9d8BAf0edAc6f37da032")
USER_OPERATION_EVENT = keccak256(b"UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)")
TRANSFER_EVENT = keccak256(b"Transfer(address,address,uint256)")


@dataclass(frozen=True, slots=True)
class ChainLog:
    """A log before it is in a block."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


def transfer_log(token: Address, sender: Address, payee: Address, amount: int) -> ChainLog:
    """Write an ERC-20 transfer down."""
    return ChainLog(token, (Hash32(TRANSFER_EVENT), _topic(sender), _topic(payee)), _word(amount))


def user_operation_log(sent: "Sent", cost_wei: int, success: bool) -> ChainLog:  # noqa: FBT001 - the event's own field
    """Write an included operation down."""
    operation = sent.operation
    payer = _topic(operation.paymaster.paymaster) if operation.paymaster else Hash32(bytes(32))
    topics = (Hash32(USER_OPERATION_EVENT), sent.user_op_hash, _topic(operation.sender), payer)
    data = b"".join(map(_word, (operation.nonce, int(success), cost_wei, 100_000)))
    return ChainLog(ENTRY_POINT, topics, data)


def _topic(address: Address) -> Hash32:
    return Hash32(bytes(12) + address)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
