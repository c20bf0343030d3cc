"""Calls to an EntryPoint and to a validator module."""

from collections.abc import Sequence

from eth_abi.abi import encode

from agent.domain.units import Address, Hash32
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import PackedUserOperation, init_code, packed, paymaster_and_data_v06
from agent.erc4337.version import EntryPointVersion

GET_NONCE = bytes.fromhex("35567e1a")
HANDLE_OPS = bytes.fromhex("765e827f")
HANDLE_OPS_V06 = bytes.fromhex("1fad948c")
GET_USER_OP_HASH = bytes.fromhex("22cdde4c")
GET_USER_OP_HASH_V06 = bytes.fromhex("a6193531")
VALIDATE_USER_OP = bytes.fromhex("97003203")

PACKED_TUPLE = "(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)"
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
    return VALIDATE_USER_OP + encode([PACKED_TUPLE, "bytes32"], [packed_tuple(op), user_op_hash])


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
