"""The hash an account signs, packed by hand because it is on the path of every operation."""

from functools import lru_cache

from agent.domain.keccak import EMPTY_KECCAK, keccak256
from agent.domain.units import Address, ChainId, Hash32
from agent.domain.user_operation import UserOperation
from agent.erc4337.packing import init_code, paymaster_and_data, paymaster_and_data_v06
from agent.erc4337.version import EntryPointVersion

PACKED_USER_OPERATION_TYPEHASH = keccak256(
    b"PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,"
    b"bytes32 accountGasLimits,uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)"
)
_DOMAIN_TYPEHASH = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_ADDRESS_PADDING = bytes(12)


def user_op_hash(
    op: UserOperation, entry_point: Address, chain_id: ChainId, version: EntryPointVersion
) -> Hash32:
    """Return `userOpHash` as that EntryPoint computes it; raise OverflowError for a field that does not fit.

    An account delegated by a set-code transaction is not covered: 0.8 hashes its delegate in place of the
    marker that such an operation carries in its init code.
    """
    if version is EntryPointVersion.V07:
        return Hash32(keccak256(keccak256(_struct_v07(op)) + _contract_tail(entry_point, chain_id)))
    if version is EntryPointVersion.V06:
        return Hash32(keccak256(keccak256(_struct_v06(op)) + _contract_tail(entry_point, chain_id)))
    struct_hash = keccak256(PACKED_USER_OPERATION_TYPEHASH + _struct_v07(op))
    return Hash32(keccak256(b"\x19\x01" + domain_separator(entry_point, chain_id) + struct_hash))


@lru_cache(maxsize=64)
def domain_separator(entry_point: Address, chain_id: ChainId) -> bytes:
    """Return the typed-data domain of EntryPoint 0.8."""
    return keccak256(
        _DOMAIN_TYPEHASH
        + keccak256(b"ERC4337")
        + keccak256(b"1")
        + chain_id.to_bytes(32, "big")
        + _ADDRESS_PADDING
        + entry_point
    )


@lru_cache(maxsize=64)
def _contract_tail(entry_point: Address, chain_id: ChainId) -> bytes:
    return _ADDRESS_PADDING + entry_point + chain_id.to_bytes(32, "big")


def _hashed(data: bytes) -> bytes:
    return keccak256(data) if data else EMPTY_KECCAK


def _struct_v07(op: UserOperation) -> bytes:
    return b"".join(
        (
            _ADDRESS_PADDING,
            op.sender,
            op.nonce.to_bytes(32, "big"),
            EMPTY_KECCAK if op.factory is None else keccak256(init_code(op)),
            keccak256(op.call_data),
            op.verification_gas_limit.to_bytes(16, "big"),
            op.call_gas_limit.to_bytes(16, "big"),
            op.pre_verification_gas.to_bytes(32, "big"),
            op.max_priority_fee_per_gas.to_bytes(16, "big"),
            op.max_fee_per_gas.to_bytes(16, "big"),
            EMPTY_KECCAK if op.paymaster is None else keccak256(paymaster_and_data(op)),
        )
    )


def _struct_v06(op: UserOperation) -> bytes:
    return b"".join(
        (
            _ADDRESS_PADDING,
            op.sender,
            op.nonce.to_bytes(32, "big"),
            _hashed(init_code(op)),
            keccak256(op.call_data),
            op.call_gas_limit.to_bytes(32, "big"),
            op.verification_gas_limit.to_bytes(32, "big"),
            op.pre_verification_gas.to_bytes(32, "big"),
            op.max_fee_per_gas.to_bytes(32, "big"),
            op.max_priority_fee_per_gas.to_bytes(32, "big"),
            _hashed(paymaster_and_data_v06(op)),
        )
    )
