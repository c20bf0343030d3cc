"""Calls to an EntryPoint and to a validator module."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from agent.domain.units import Address, Gas, Hash32, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import (
    PackedUserOperation,
    init_code,
    packed,
    paymaster_and_data_v06,
    split_init_code,
    split_paymaster_and_data,
    split_paymaster_and_data_v06,
)
from agent.erc4337.version import EntryPointVersion

GET_NONCE = bytes.fromhex("35567e1a")
HANDLE_OPS = bytes.fromhex("765e827f")
HANDLE_OPS_V06 = bytes.fromhex("1fad948c")
GET_USER_OP_HASH = bytes.fromhex("22cdde4c")
GET_USER_OP_HASH_V06 = bytes.fromhex("a6193531")
VALIDATE_USER_OP = bytes.fromhex("97003203")
VALIDATE_PAYMASTER_USER_OP = bytes.fromhex("52b7512c")
BALANCE_OF = bytes.fromhex("70a08231")

PACKED_TUPLE = "(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)"
_PACKED_HEAD = 9 * 32
_TWO_WORDS = (64).to_bytes(32, "big")
TUPLE_V06 = "(address,uint256,bytes,bytes,uint256,uint256,uint256,uint256,uint256,bytes,bytes)"


def nonce_call(account: Address, nonce_key: int) -> bytes:
    """Encode `getNonce(address,uint192)`."""
    return GET_NONCE + bytes(12) + account + nonce_key.to_bytes(24, "big").rjust(32, b"\0")


def handle_ops_call(
    ops: Sequence[UserOperation], beneficiary: Address, version: EntryPointVersion = EntryPointVersion.V07
) -> bytes:
    """Encode `handleOps(ops, beneficiary)`."""
    if version is EntryPointVersion.V06:
        rows = [_tuple_v06(op) for op in ops]
        return HANDLE_OPS_V06 + encode([TUPLE_V06 + "[]", "address"], [rows, beneficiary])
    return HANDLE_OPS + encode(
        [PACKED_TUPLE + "[]", "address"], [[packed_tuple(packed(op)) for op in ops], beneficiary]
    )


def user_op_hash_call(op: UserOperation, version: EntryPointVersion = EntryPointVersion.V07) -> bytes:
    """Encode `getUserOpHash(op)`."""
    if version is EntryPointVersion.V06:
        return GET_USER_OP_HASH_V06 + encode([TUPLE_V06], [_tuple_v06(op)])
    return GET_USER_OP_HASH + encode([PACKED_TUPLE], [packed_tuple(packed(op))])


def validate_user_op_call(op: PackedUserOperation, user_op_hash: Hash32) -> bytes:
    """Encode `validateUserOp(op, userOpHash)` of an ERC-7579 validator."""
    # By hand: it is on the path of every operation, and the library's encoder takes a millisecond and more.
    return b"".join((VALIDATE_USER_OP, _TWO_WORDS, user_op_hash, *_packed_words(op)))


def validate_paymaster_user_op_call(
    op: PackedUserOperation, user_op_hash: Hash32, max_cost_wei: Wei
) -> bytes:
    """Encode `validatePaymasterUserOp(op, userOpHash, maxCost)` of a paymaster for EntryPoint 0.7 and 0.8."""
    arguments = [packed_tuple(op), user_op_hash, max_cost_wei]
    return VALIDATE_PAYMASTER_USER_OP + encode([PACKED_TUPLE, "bytes32", "uint256"], arguments)


def _packed_words(op: PackedUserOperation) -> tuple[bytes, ...]:
    """Return `PACKED_TUPLE` as the ABI has it, in pieces."""
    tails = [
        len(part).to_bytes(32, "big") + part + bytes(-len(part) % 32)
        for part in (op.init_code, op.call_data, op.paymaster_and_data, op.signature)
    ]
    ends = [*accumulate((len(tail) for tail in tails), initial=_PACKED_HEAD)]
    init_code_at, call_data_at, paymaster_at, signature_at = [end.to_bytes(32, "big") for end in ends[:4]]
    return (
        bytes(12) + op.sender,
        op.nonce.to_bytes(32, "big"),
        init_code_at,
        call_data_at,
        op.account_gas_limits,
        op.pre_verification_gas.to_bytes(32, "big"),
        op.gas_fees,
        paymaster_at,
        signature_at,
        *tails,
    )


def deposit_call(holder: Address) -> bytes:
    """Encode `balanceOf(address)` of an EntryPoint: the deposit that pays for operations."""
    return BALANCE_OF + bytes(12) + holder


def packed_tuple(op: PackedUserOperation) -> tuple[object, ...]:
    """Return the fields in the order of the ABI tuple."""
    return (
        op.sender,
        op.nonce,
        op.init_code,
        op.call_data,
        op.account_gas_limits,
        op.pre_verification_gas,
        op.gas_fees,
        op.paymaster_and_data,
        op.signature,
    )


def bundled_operations(data: bytes, version: EntryPointVersion) -> tuple[UserOperation, ...]:
    """Read the operations of `handleOps`; raise ValueError when the call data is something else.

    What no EntryPoint runs, because its packed fields are cut short, is left out. Data that a contract of the
    bundler's own was called with says what it likes: only its hash ties an operation to one that ran.
    """
    selector, types, read = _BUNDLES[version]
    if data[:4] != selector:
        raise ValueError(f"0x{data[:4].hex()} is not handleOps of EntryPoint {version}")
    try:
        rows, _ = decode([types + "[]", "address"], data[4:])
    except (DecodingError, OverflowError) as error:
        raise ValueError("handleOps with call data that does not decode") from error
    found = []
    for row in rows:
        with suppress(ValueError):
            found.append(read(row))
    return tuple(found)


def _from_packed_tuple(row: Sequence[Any]) -> UserOperation:
    factory, factory_data = split_init_code(row[2])
    return UserOperation(
        sender=Address.from_hex(row[0]),
        nonce=row[1],
        call_data=row[3],
        call_gas_limit=Gas(int.from_bytes(row[4][16:], "big")),
        verification_gas_limit=Gas(int.from_bytes(row[4][:16], "big")),
        pre_verification_gas=Gas(row[5]),
        max_fee_per_gas=Wei(int.from_bytes(row[6][16:], "big")),
        max_priority_fee_per_gas=Wei(int.from_bytes(row[6][:16], "big")),
        factory=factory,
        factory_data=factory_data,
        paymaster=split_paymaster_and_data(row[7]),
        signature=row[8],
    )


def _from_tuple_v06(row: Sequence[Any]) -> UserOperation:
    factory, factory_data = split_init_code(row[2])
    return UserOperation(
        sender=Address.from_hex(row[0]),
        nonce=row[1],
        call_data=row[3],
        call_gas_limit=Gas(row[4]),
        verification_gas_limit=Gas(row[5]),
        pre_verification_gas=Gas(row[6]),
        max_fee_per_gas=Wei(row[7]),
        max_priority_fee_per_gas=Wei(row[8]),
        factory=factory,
        factory_data=factory_data,
        paymaster=split_paymaster_and_data_v06(row[9]),
        signature=row[10],
    )


_BUNDLES = {
    EntryPointVersion.V06: (HANDLE_OPS_V06, TUPLE_V06, _from_tuple_v06),
    EntryPointVersion.V07: (HANDLE_OPS, PACKED_TUPLE, _from_packed_tuple),
    EntryPointVersion.V08: (HANDLE_OPS, PACKED_TUPLE, _from_packed_tuple),
}
"""The selector of `handleOps`, the form of its rows, and what reads them."""


def _tuple_v06(op: UserOperation) -> tuple[object, ...]:
    return (
        op.sender,
        op.nonce,
        init_code(op),
        op.call_data,
        op.call_gas_limit,
        op.verification_gas_limit,
        op.pre_verification_gas,
        op.max_fee_per_gas,
        op.max_priority_fee_per_gas,
        paymaster_and_data_v06(op),
        op.signature,
    )
