"""What EntryPoint 0.7 makes of the model's answers, byte for byte."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from agent.domain.keccak import keccak256
from agent.domain.units import Address, Hash32, Timestamp
from agent.erc4337.calldata import HANDLE_OPS, PACKED_TUPLE, packed_tuple
from agent.erc4337.nonce import split_nonce
from agent.erc4337.packing import PAYMASTER_DATA_OFFSET, PackedUserOperation
from agent.erc7579.accounts import KERNEL, SAFE7579, AccountKind
from agent.erc7579.execution import EXECUTE
from agent.smart_sessions.model import SIGNATURE_FAILED, Model
from agent.smart_sessions.policies.policy import MAX_UINT48
from agent.smart_sessions.reverts import Revert

BENEFICIARY = Address(b"\x51" * 20)
FAILED_OP = keccak256(b"FailedOp(uint256,string)")[:4]
FAILED_OP_WITH_REVERT = keccak256(b"FailedOpWithRevert(uint256,string,bytes)")[:4]
ERROR = keccak256(b"Error(string)")[:4]
EXECUTION_FAILED = keccak256(b"ExecutionFailed()")[:4]
"""All that the Safe adapter says when a module reverts."""
INVALID_VALIDATOR = keccak256(b"InvalidValidator()")[:4]
"""Kernel's word for a function that the validator was not installed for."""


@dataclass(frozen=True, slots=True)
class Signed:
    """An operation and the hash it is signed over."""

    op: PackedUserOperation
    user_op_hash: Hash32


def handle_ops(ops: Sequence[Signed]) -> bytes:
    """Encode `handleOps`."""
    rows = [packed_tuple(signed.op) for signed in ops]
    return HANDLE_OPS + encode([PACKED_TUPLE + "[]", "address"], [rows, BENEFICIARY])


def refusal(
    model: Model,
    kind: AccountKind,
    ops: Sequence[Signed],
    sequences: dict[int, int],
    at: Timestamp,
    base_fee: int,
) -> bytes | None:
    """Return what `handleOps` reverts with, None if it includes all; moves `model` and `sequences` on."""
    for index, signed in enumerate(ops):
        reason = _refused(model, kind, index, signed, sequences, at, base_fee)
        if reason is not None:
            return reason
    return None


def _refused(
    model: Model,
    kind: AccountKind,
    index: int,
    signed: Signed,
    sequences: dict[int, int],
    at: Timestamp,
    base_fee: int,
) -> bytes | None:
    op = signed.op
    if 0 < len(op.paymaster_and_data) < PAYMASTER_DATA_OFFSET:
        return ERROR + encode(["string"], ["AA93 invalid paymasterAndData"])
    try:
        word = model.validate(op, signed.user_op_hash, base_fee)
    except Revert as revert:
        return _account_reverted(index, EXECUTION_FAILED if kind is SAFE7579 else revert.data)
    if kind is KERNEL and op.call_data[:4] != EXECUTE:
        return _account_reverted(index, INVALID_VALIDATOR)
    key, sequence = split_nonce(op.nonce)
    if sequence != sequences.get(key, 0):
        return _failed(index, "AA25 invalid account nonce")
    sequences[key] = sequence + 1
    if word == SIGNATURE_FAILED:
        return _failed(index, "AA24 signature error")
    if not word >> 208 <= at <= word >> 160 & MAX_UINT48:
        return _failed(index, "AA22 expired or not due")
    return None


def _failed(index: int, reason: str) -> bytes:
    return FAILED_OP + encode(["uint256", "string"], [index, reason])


def _account_reverted(index: int, inner: bytes) -> bytes:
    values = [index, "AA23 reverted", inner]
    return FAILED_OP_WITH_REVERT + encode(["uint256", "string", "bytes"], values)
