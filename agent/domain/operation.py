"""One record per stage of an operation; each holds the one before."""

from dataclasses import dataclass, replace

from agent.domain.budget import Consumption
from agent.domain.call import Call
from agent.domain.occurrence import Nonce
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation


@dataclass(frozen=True, slots=True)
class Plan:
    """What an occurrence wants to do, decided at one block."""

    calls: tuple[Call, ...]
    intent: dict[str, str]
    """What a person reads in the books: token, to, amount, reference."""
    block_number: int


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees per gas of one attempt, in wei."""

    max_fee_per_gas: Wei
    max_priority_fee_per_gas: Wei


@dataclass(frozen=True, slots=True)
class GasLimits:
    """Gas limits of one attempt."""

    call_gas_limit: Gas
    verification_gas_limit: Gas
    pre_verification_gas: Gas


@dataclass(frozen=True, slots=True)
class DraftOperation:
    """An operation with its nonce and calls, without gas and with a stub signature."""

    occurrence_id: int
    attempt: int
    chain_id: ChainId
    entry_point: Address
    permission_id: Hash32
    nonce: Nonce
    plan: Plan
    operation: UserOperation


@dataclass(frozen=True, slots=True)
class PricedOperation:
    """A draft with gas, fees and paymaster settled and inside every cap."""

    draft: DraftOperation
    operation: UserOperation
    worst_case_wei: Wei
    consumption: tuple[Consumption, ...]
    """What it may use of each limit, the gas budget included."""


@dataclass(frozen=True, slots=True)
class SignedOperation:
    """A priced operation with the session key's signature, verified by recovery."""

    priced: PricedOperation
    operation: UserOperation
    user_op_hash: Hash32
    valid_until: Timestamp | None
    """When the operation becomes void by itself; None when only its nonce can void it."""


@dataclass(frozen=True, slots=True)
class JournaledOperation:
    """A signed operation whose bytes are on disk. Only the journal makes one."""

    occurrence_id: int
    attempt: int
    chain_id: ChainId
    entry_point: Address
    nonce: Nonce
    operation: UserOperation
    user_op_hash: Hash32
    valid_until: Timestamp | None
    journaled_at: Timestamp
    planned_at_block: int
    """`plan.block_number`: no earlier block can hold it."""


# dataclasses.replace looks every field up by name and costs as much as hashing the operation.
def with_gas(op: UserOperation, gas: GasLimits, fees: Fees) -> UserOperation:
    """Return the operation with these gas limits and fees."""
    return UserOperation(
        op.sender,
        op.nonce,
        op.call_data,
        gas.call_gas_limit,
        gas.verification_gas_limit,
        gas.pre_verification_gas,
        fees.max_fee_per_gas,
        fees.max_priority_fee_per_gas,
        op.factory,
        op.factory_data,
        op.paymaster,
        op.signature,
    )


def with_signature(op: UserOperation, signature: bytes) -> UserOperation:
    """Return the operation with this signature."""
    return UserOperation(
        op.sender,
        op.nonce,
        op.call_data,
        op.call_gas_limit,
        op.verification_gas_limit,
        op.pre_verification_gas,
        op.max_fee_per_gas,
        op.max_priority_fee_per_gas,
        op.factory,
        op.factory_data,
        op.paymaster,
        signature,
    )


def with_paymaster(operation: UserOperation, paymaster: PaymasterFields) -> UserOperation:
    """Return the operation paid by this paymaster."""
    return replace(operation, paymaster=paymaster)
