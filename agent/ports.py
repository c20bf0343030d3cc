"""The seams to the world. The pipeline awaits these; `bootstrap` plugs the adapters in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.domain.call import Call
from agent.domain.evaluation import Read
from agent.domain.firing import Firing, Seen, TriggerRow
from agent.domain.hold import Burn, Epoch, Hold, Scope, Watched
from agent.domain.journal import Armed, Change, Enrolment, JobRow, JournalEntry
from agent.domain.kill import KillOrder
from agent.domain.occurrence import Occurrence
from agent.domain.operation import GasLimits, JournaledOperation, SignedOperation
from agent.domain.paymaster import PaymasterOffer
from agent.domain.send_answer import SendAnswer
from agent.domain.standing import Standing
from agent.domain.states import State
from agent.domain.units import Address, ChainId, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation

BlockTag = int | str
"""A block number, or `latest`, `finalized`, `safe`."""
NO_PARENT = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Block:
    """A block header, as far as the agent reads it."""

    number: int
    hash: Hash32
    timestamp: Timestamp
    base_fee_per_gas: Wei
    parent_hash: Hash32 = NO_PARENT


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


@dataclass(frozen=True, slots=True)
class Answers:
    """What a batch answered at one block."""

    block: Block
    values: Sequence[bytes | None]
    """In the order of `reads`; None for a revert, an empty answer, or more gas than a node gives one call."""
    changed: Sequence[int]
    """Positions whose answer differs from this batch's last answers, in order; all of them the first time."""


class ReadBatch(Protocol):
    """Reads that are asked again at block after block, packed once."""

    @property
    def reads(self) -> tuple[Read, ...]:
        """The distinct ones, in the order given; of equal reads the first stands for all."""
        ...

    async def at(self, block: Block) -> Answers:
        """Answer all at that very block, told apart from others of its number by its hash.

        Raises ChainUnavailable; what was answered last is then still what it was.
        """
        ...


class ChainReader(Protocol):
    """One chain, read through one or more nodes. Reads are retried inside; raises ChainUnavailable."""

    @property
    def chain_id(self) -> ChainId: ...

    async def remote_chain_id(self) -> ChainId: ...

    async def block(self, tag: BlockTag) -> Block: ...

    async def finalized(self) -> Block:
        """Return the newest block that this chain's finality rule calls final."""
        ...

    async def call(
        self,
        target: Address,
        data: bytes,
        tag: BlockTag,
        sender: Address | None = None,
        gas: int | None = None,
    ) -> bytes:
        """Run `eth_call`; raises ChainReverted(data). Without a sender it must not matter who calls.

        `gas` is what it may take, all of a transaction's own included; None for as much as the node gives.
        """
        ...

    async def calls(self, calls: Sequence[Call], tag: BlockTag) -> tuple[bytes | CallFailed, ...]:
        """Run many reads at one block in as few requests as the node takes (Multicall3)."""
        ...

    def batch(self, reads: Sequence[Read]) -> ReadBatch:
        """Pack reads that are wanted at many blocks; nothing is asked yet."""
        ...

    async def code(self, address: Address, tag: BlockTag = "latest") -> bytes: ...

    async def balance(self, address: Address, tag: BlockTag = "latest") -> Wei: ...

    async def logs(
        self, address: Address, topics: Sequence[Sequence[Hash32] | None], from_block: int, to_block: int
    ) -> tuple[Log, ...]: ...

    async def receipt(self, transaction_hash: Hash32) -> TransactionReceipt | None: ...

    async def transaction_input(self, transaction_hash: Hash32) -> bytes | None:
        """Return what a transaction was called with; None when the node does not know it."""
        ...

    async def priority_fee(self) -> Wei: ...


class HeadStream(Protocol):
    """A node that says by itself when its chain may have a new head; which head, the readers are asked."""

    @property
    def is_live(self) -> bool:
        """Whether it spoke lately enough to be relied on: while it does, nobody needs to ask in between."""
        ...

    @property
    def name(self) -> str:
        """Its endpoint for people, without keys."""
        ...

    async def check(self) -> ChainId:
        """Subscribe once and leave; return which chain it serves. Raises ChainUnavailable."""
        ...

    async def follow(self, wake: Callable[[], None]) -> None:
        """Call `wake` for each head that it shows, whatever becomes of the connection, until cancelled."""
        ...


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


class Paymaster(Protocol):
    """A service that offers to pay for operations (ERC-7677); what it offers is the pipeline's to check.

    Raises PaymasterRejected (a refusal, or an answer that changes the operation) and PaymasterUnavailable.
    """

    @property
    def standing(self) -> Standing:
        """Return how it answers; one that is not healthy is asked after the others."""
        ...

    async def stub_data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        """Ask `pm_getPaymasterStubData`: what to estimate gas with."""
        ...

    async def data(self, operation: UserOperation, entry_point: Address) -> PaymasterOffer:
        """Ask `pm_getPaymasterData` about an operation with its gas limits and fees."""
        ...


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

    async def triggers(self, job_ids: Sequence[str]) -> Mapping[str, TriggerRow]:
        """Return these jobs as watched ones, those that are enrolled."""
        ...

    async def fire(self, firings: Sequence[Firing], at: Timestamp) -> tuple[Occurrence | None, ...]:
        """Insert the occurrence of each firing and keep what its job saw, all in one transaction.

        None for a firing that changed nothing: its (job, slot) exists, its number is not the job's next one,
        or the job is paused, inactive or held.
        """
        ...

    async def remember(self, seen: Sequence[Seen]) -> None:
        """Keep what enrolled jobs saw last, in one transaction, but of a job that fired since nothing."""
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

    async def operations_of(
        self, occurrence_ids: Sequence[int]
    ) -> Mapping[int, tuple[JournaledOperation, ...]]:
        """Return the same for many at once; those without any are left out."""
        ...

    async def signed(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Hash32]:
        """Return those of these operations that were signed here, with the permission id of each."""
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
        chain_id: ChainId | None = None,
        since: Timestamp | None = None,
    ) -> tuple[Occurrence, ...]:
        """Return the occurrences that match and changed since then; None matches all."""
        ...

    async def jobs(self, *, active_only: bool = True) -> tuple[JobRow, ...]: ...

    async def job(self, job_id: str) -> JobRow:
        """Return one job; raises NotFound."""
        ...

    async def pause(self, job_id: str, reason: str, at: Timestamp) -> JobRow: ...

    async def resume(self, job_id: str, at: Timestamp) -> JobRow: ...

    async def doubt(self, job_id: str, until: Timestamp, reason: str, at: Timestamp) -> JobRow:
        """Hold from the start every slot and firing of the job that comes in later and was due until then.

        Those it has already stay as they are; an earlier time than the one that is kept changes nothing.
        """
        ...

    async def hold(self, hold: Hold) -> Hold:
        """Let nothing of the scope take a step towards the network, until it is released.

        Every such change raises Held from then on; what is in flight is still followed. Returns the hold
        that is in force: one of the same scope and code stays as it is.
        """
        ...

    async def release_hold(
        self, scope: Scope, code: str, reason: str, at: Timestamp, *, accepted: bool = False
    ) -> Hold:
        """End a hold; raises NotFound when the scope is not held for that code.

        `accepted` says that what it names is still so and is to hold nothing again.
        """
        ...

    async def holds(self, *, active_only: bool = True) -> tuple[Hold, ...]:
        """Return the holds by scope and code."""
        ...

    async def watched(self, chain_id: ChainId) -> Watched:
        """Return what the sweeps of a chain left."""
        ...

    async def watch(self, chain_id: ChainId, swept_to: int, epochs: Sequence[Epoch], at: Timestamp) -> None:
        """Keep how far a sweep got; each epoch given is the newest of its session, later ones go."""
        ...

    async def burned(self) -> tuple[Burn, ...]:
        """Return what operations that were included and reverted had reserved, per limit key and epoch."""
        ...

    async def reserved(
        self, at_block: dict[ChainId, int] | None = None, besides: int | None = None
    ) -> dict[str, int]:
        """Return what is reserved per limit key and not counted on chain yet, but by occurrence `besides`."""
        ...

    async def spent(self) -> Mapping[str, int]:
        """Return what was used of the limits that the agent counts itself, by limit key."""
        ...

    async def entries(self, occurrence_id: int | None = None) -> tuple[JournalEntry, ...]: ...

    async def entries_after(self, sequence: int, since: Timestamp) -> tuple[JournalEntry, ...]:
        """Return the rows of the hash chain behind that one, but for those before `since`."""
        ...

    async def verify(self) -> None:
        """Walk the hash chain; raises StoreUnavailable naming the first broken row."""
        ...

    async def close(self) -> None: ...


class KillSwitch(Protocol):
    """Orders that stop scopes at once, whatever state the journal is in."""

    @property
    def place(self) -> Path:
        """The file they stand in."""
        ...

    def orders(self) -> tuple[KillOrder, ...]:
        """Return what is stopped now; cheap enough for every signature and send."""
        ...

    def add(self, orders: Sequence[KillOrder]) -> tuple[KillOrder, ...]:
        """Stop these scopes and return the orders in force for them; raises StoreUnavailable."""
        ...

    def remove(self, scopes: Iterable[Scope]) -> tuple[KillOrder, ...]:
        """Let these scopes go and return their orders; raises StoreUnavailable."""
        ...

    def acknowledge(self, ids: Iterable[str]) -> None:
        """Say that nothing of these orders is on its way out any more; raises StoreUnavailable."""
        ...

    def acknowledged(self) -> frozenset[str]:
        """Return the orders that a worker has acknowledged."""
        ...


class Clock(Protocol):
    """The time by which jobs are due."""

    async def now(self) -> Timestamp: ...

    async def sleep(self, seconds: float) -> None: ...
