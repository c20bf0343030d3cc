"""A UserOperation in the unpacked form of ERC-4337 (EntryPoint 0.6 to 0.8)."""

from dataclasses import dataclass

from agent.domain.units import Address, Gas, Wei


@dataclass(frozen=True, slots=True)
class PaymasterFields:
    """Who pays instead of the account (ERC-7677 names)."""

    paymaster: Address
    paymaster_verification_gas_limit: Gas
    paymaster_post_op_gas_limit: Gas
    paymaster_data: bytes


@dataclass(frozen=True, slots=True)
class UserOperation:
    """Fields of `UserOperation`; `nonce` is `nonce_key << 64 | nonce_sequence`."""

    sender: Address
    nonce: int
    call_data: bytes
    call_gas_limit: Gas
    verification_gas_limit: Gas
    pre_verification_gas: Gas
    max_fee_per_gas: Wei
    max_priority_fee_per_gas: Wei
    factory: Address | None = None
    factory_data: bytes = b""
    paymaster: PaymasterFields | None = None
    signature: bytes = b""
