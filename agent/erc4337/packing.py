"""The packed fields of an operation, as EntryPoint 0.7 and 0.8 take them."""

from dataclasses import dataclass

from agent.domain.units import Address, Gas
from agent.domain.user_operation import PaymasterFields, UserOperation

PAYMASTER_DATA_OFFSET = 52


@dataclass(frozen=True, slots=True)
class PackedUserOperation:
    """The struct of the same name in EntryPoint 0.7 and 0.8."""

    sender: Address
    nonce: int
    init_code: bytes
    call_data: bytes
    account_gas_limits: bytes
    pre_verification_gas: int
    gas_fees: bytes
    paymaster_and_data: bytes
    signature: bytes


def account_gas_limits(op: UserOperation) -> bytes:
    """Pack verification and call gas limit into 32 bytes; raise OverflowError above 128 bits."""
    return op.verification_gas_limit.to_bytes(16, "big") + op.call_gas_limit.to_bytes(16, "big")


def gas_fees(op: UserOperation) -> bytes:
    """Pack priority fee and maximum fee into 32 bytes; raise OverflowError above 128 bits."""
    return op.max_priority_fee_per_gas.to_bytes(16, "big") + op.max_fee_per_gas.to_bytes(16, "big")


def init_code(op: UserOperation) -> bytes:
    """Join factory and factory data; empty for a deployed account."""
    return b"" if op.factory is None else op.factory + op.factory_data


def split_init_code(packed: bytes) -> tuple[Address | None, bytes]:
    """Split init code into factory and factory data; raise ValueError when it is no address long."""
    if not packed:
        return None, b""
    if len(packed) < 20:
        raise ValueError(f"initCode has {len(packed)} bytes, a factory address has 20")
    return Address(packed[:20]), packed[20:]


def paymaster_and_data(op: UserOperation) -> bytes:
    """Pack paymaster, its two gas limits and its data (EntryPoint 0.7 and 0.8)."""
    payer = op.paymaster
    if payer is None:
        return b""
    return (
        payer.paymaster
        + payer.paymaster_verification_gas_limit.to_bytes(16, "big")
        + payer.paymaster_post_op_gas_limit.to_bytes(16, "big")
        + payer.paymaster_data
    )


def split_paymaster_and_data(packed: bytes) -> PaymasterFields | None:
    """Split `paymasterAndData` of EntryPoint 0.7 and 0.8; raise ValueError when it is too short."""
    if not packed:
        return None
    if len(packed) < PAYMASTER_DATA_OFFSET:
        raise ValueError(
            f"paymasterAndData has {len(packed)} bytes, at least {PAYMASTER_DATA_OFFSET} are needed"
        )
    return PaymasterFields(
        Address(packed[:20]),
        Gas(int.from_bytes(packed[20:36], "big")),
        Gas(int.from_bytes(packed[36:52], "big")),
        packed[52:],
    )


def paymaster_and_data_v06(op: UserOperation) -> bytes:
    """Join paymaster and its data as EntryPoint 0.6 takes them: without gas limits."""
    return b"" if op.paymaster is None else op.paymaster.paymaster + op.paymaster.paymaster_data


def split_paymaster_and_data_v06(packed: bytes) -> PaymasterFields | None:
    """Split `paymasterAndData` of EntryPoint 0.6; raise ValueError when it is no address long."""
    if not packed:
        return None
    if len(packed) < 20:
        raise ValueError(f"paymasterAndData has {len(packed)} bytes, a paymaster address has 20")
    return PaymasterFields(Address(packed[:20]), Gas(0), Gas(0), packed[20:])


def packed(op: UserOperation) -> PackedUserOperation:
    """Pack an operation for EntryPoint 0.7 or 0.8."""
    return PackedUserOperation(
        op.sender,
        op.nonce,
        init_code(op),
        op.call_data,
        account_gas_limits(op),
        op.pre_verification_gas,
        gas_fees(op),
        paymaster_and_data(op),
        op.signature,
    )
