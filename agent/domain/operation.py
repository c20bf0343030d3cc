"""One record per stage of an operation; each holds the one before."""

from dataclasses import dataclass, field, replace

from agent.domain.budget import Consumption
from agent.domain.call import Call
from agent.domain.job import SELF
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
    priority_percent: int = 100
    """The priority fee to offer, of the usual one."""
    useful_until: Timestamp | None = None
    """The last second of chain time at which the calls can succeed; later they only cost gas."""


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
    paymaster_verification_gas_limit: Gas | None = None
    """None where no paymaster is asked, or the bundler does not say."""


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
    cancels: bool = False
    """Whether it does nothing but use up the nonce of the operations signed before it."""


@dataclass(frozen=True, slots=True)
class Sponsorship:
    """That a paymaster pays for one operation, and when it does."""

    payer: str
    """Its name in the operator's files."""
    valid_after: Timestamp = Timestamp(0)
    valid_until: Timestamp | None = None
    """The last second in which it pays; None for no end."""


@dataclass(frozen=True, slots=True)
class PricedOperation:
    """A draft with gas, fees and paymaster settled and inside every cap."""

    draft: DraftOperation
    operation: UserOperation
    worst_case_wei: Wei
    consumption: tuple[Consumption, ...]
    """What it may use of each limit, the gas budget included."""
    sponsorship: Sponsorship | None = None
    """Who pays in the account's place; None where it pays itself."""

    @property
    def payer(self) -> str:
        """Who pays for gas, by the name that jobs give it."""
        return SELF if self.sponsorship is None else self.sponsorship.payer


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
    cancels: bool = False
    """Whether it does nothing but use up the nonce of the operations signed before it."""
    intent: dict[str, str] = field(default_factory=dict, hash=False)
    """What a person reads in the books."""
    useful_until: Timestamp | None = None
    """The last second of chain time at which its calls can succeed; later it only costs gas."""

    def is_spent(self, chain_time: Timestamp) -> bool:
        """Say whether it can do nothing any more but revert, by the time of a block."""
        return self.useful_until is not None and self.useful_until < chain_time


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
