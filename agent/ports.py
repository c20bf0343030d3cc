"""The seams to the world. The pipeline awaits these; `bootstrap` plugs the adapters in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.domain.call import Call
from agent.domain.journal import Armed, Change, Enrolment, JobRow, JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import GasLimits, JournaledOperation, SignedOperation
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation

BlockTag = int | str
"""A block number, or `latest`, `finalized`, `safe`."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block header, as far as the agent reads it."""

    number: int
    hash: Hash32
    timestamp: Timestamp
    base_fee_per_gas: Wei


@dataclass(frozen=True, slots=True)
class Log:
    """One event log of the node."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block_number: int
    block_hash: Hash32
    transaction_hash: Hash32
    log_index: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What the node says of a mined transaction, with all its logs in order."""

    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    status: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A read that reverted, or that a target without code answered with nothing."""

    data: bytes


class ChainReader(Protocol):
    """One chain, read through one or more nodes. Reads are retried inside; raises ChainUnavailable."""

    @property
    def chain_id(self) -> ChainId: ...

    async def remote_chain_id(self) -> ChainId: ...

    async def block(self, tag: BlockTag) -> Block: ...

    async def finalized(self) -> Block:
        """Return the newest block that this chain's finality rule calls final."""
        ...

    async def call(self, target: Address, data: bytes, tag: BlockTag, sender: Address | None = None) -> bytes:
        """Run `eth_call`; raises ChainReverted(data)."""
        ...

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Run many reads at one block in as few requests as the node takes (Multicall3)."""
        ...

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes: ...

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei: ...

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]: ...

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None: ...

    async def priority_fee(self) -> Wei: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """The bundler took the operation and named the hash we computed."""

    user_op_hash: Hash32


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """The bundler said no; `rpc_code` and `message` are its own."""

    rpc_code: int
    message: str


@dataclass(frozen=True, slots=True)
class UnknownAnswer:
    """Timeout, broken answer, wrong hash: it may have been taken."""

    why: str


SendAnswer = Accepted | RejectedAnswer | UnknownAnswer


class Bundler(Protocol):
    """An ERC-4337 bundler (ERC-7769). Sending is never retried inside."""

    @property
    def name(self) -> str: ...

    async def supported_entry_points(self) -> tuple[Address, ...]: ...

    async def estimate(self, operation: UserOperation, entry_point: Address) -> GasLimits: ...

    async def fee_floor(self) -> tuple[Wei, Wei] | None:
        """Return the bundler's quoted (max fee, max priority fee) per gas, None when it quotes none."""
        ...

    async def send(self, operation: JournaledOperation) -> SendAnswer: ...


class SessionSigner(Protocol):
    """Holds one session key. Computes nothing about policies; signs what the pipeline journals next."""

    @property
    def address(self) -> Address:
        """The key's; of a P-256 key `P256Point.address`."""
        ...

    async def sign_hash(self, user_op_hash: Hash32) -> bytes:
        """Sign the 32 bytes as they are: 65 bytes r, s, v (27 or 28), of a P-256 key 64 bytes r, s (low)."""
        ...


class Journal(Protocol):
    """The durable truth about what we did. Every method returns after fsync; raises StoreUnavailable."""

    async def enroll(self, jobs: Sequence[Enrolment], at: Timestamp) -> tuple[JobRow, ...]:
        """Make these the active jobs; raises ConfigError naming every job whose identity changed."""
        ...

    async def claim_due(
        self, now: Timestamp, limit: int, arm: Callable[[JobRow], Armed]
    ) -> tuple[Occurrence, ...]:
        """Insert the occurrences of up to `limit` due jobs and move their cursors, in one transaction.

        A (job, slot) that exists already is left as it is. Paused jobs are not armed.
        """
        ...

    async def record(self, change: Change) -> Occurrence:
        """Apply one change; raises IllegalTransition, StaleRecord, BudgetExceeded, DuplicateOperation."""
        ...

    async def append(self, signed: SignedOperation, change: Change) -> tuple[Occurrence, JournaledOperation]:
        """Store signed bytes with a SIGN or RAISE change; the only source of a JournaledOperation."""
        ...

    async def operations(self, occurrence_id: int) -> tuple[JournaledOperation, ...]:
        """Return every operation ever signed for the occurrence, oldest first."""
        ...

    async def occurrence(self, occurrence_id: int) -> Occurrence: ...

    async def occurrences(
        self,
        states: Sequence[State] | None = None,
        job_id: str | None = None,
        limit: int | None = None,
        *,
        newest_first: bool = False,
        settled: bool | None = None,
    ) -> tuple[Occurrence, ...]:
        """Return the occurrences that match; None matches all."""
        ...

    async def jobs(self, *, active_only: bool = True) -> tuple[JobRow, ...]: ...

    async def job(self, job_id: str) -> JobRow:
        """Return one job; raises NotFound."""
        ...

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow: ...

    async def resume(self, job_id: str, at: Timestamp) -> JobRow: ...

    async def reserved(self, at_block: dict[ChainId, int] | None = None) -> dict[str, int]:
        """Return what is reserved per limit key and not counted on chain yet."""
        ...

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]: ...

    async def verify(self) -> None:
        """Walk the hash chain; raises StoreUnavailable naming the first broken row."""
        ...

    async def close(self) -> None: ...


class Clock(Protocol):
    """The time by which jobs are due."""

    async def now(self) -> Timestamp: ...

    async def sleep(self, seconds: float) -> None: ...
