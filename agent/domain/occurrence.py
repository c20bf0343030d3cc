"""One due slot of one job, as the journal keeps it."""

from dataclasses import dataclass

from agent.domain.states import State
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class Nonce:
    """Where an operation stands in its lane; `(key << 64) | sequence` on chain."""

    key: int
    sequence: int

    @property
    def value(self) -> int:
        """The uint256 `nonce` of the UserOperation."""
        return self.key << 64 | self.sequence


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where our own logs show one of our operations."""

    user_op_hash: Hash32
    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    success: bool
    actual_gas_cost_wei: Wei
    delivered: bool | None = None
    """What the kind's `confirm` says of the logs; None while unknown or after a failure."""
    why: str = ""
    paymaster_fee: int | None = None
    """What its paymaster took from the account, in base units of its token; None where nobody measured."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A row of the journal; immutable, the journal returns a new one after each change."""

    id: int
    job_id: str
    slot: str
    ordinal: int
    due_at: Timestamp
    state: State
    attempt: int
    """0 before the first plan; raised by PLAN after a finalized failure or an expiry."""
    version: int
    """Raised by each change; a change names the version it saw (compare and set)."""
    chain_id: ChainId
    account: Address
    held_from: State | None = None
    code: str = ""
    """Stable code of the last reason, such as `insufficient_balance`."""
    reason: str = ""
    not_before: Timestamp = Timestamp(0)
    """Nothing is done before this time."""
    nonce: Nonce | None = None
    user_op_hash: Hash32 | None = None
    """The newest operation signed for `nonce`; the journal keeps all."""
    inclusion: Inclusion | None = None
    settled: bool = False
    created_at: Timestamp = Timestamp(0)
    updated_at: Timestamp = Timestamp(0)
