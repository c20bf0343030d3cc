"""What the journal takes and gives: changes, enrolments, entries."""

from dataclasses import dataclass, field

from agent.domain.occurrence import Inclusion, Nonce
from agent.domain.states import Event, State
from agent.domain.units import Address, ChainId, Hash32, Timestamp


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one occurrence may still use of one on-chain limit.

    `limit` and `used` are what the chain said at `at_block`. The journal takes the reservation only while
    `used` + what other occurrences hold and the chain has not counted at `at_block` + `amount` <= `limit`.
    """

    limit_key: str
    amount: int
    limit: int
    used: int
    at_block: int


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one occurrence, written whole or not at all."""

    occurrence_id: int
    version: int
    """The version the decision was made on; another one in the journal raises StaleRecord."""
    event: Event
    at: Timestamp
    code: str = ""
    reason: str = ""
    not_before: Timestamp | None = None
    nonce: Nonce | None = None
    """Given with PLAN: must be the lane's next sequence. `attempt` rises by one with it."""
    reservations: tuple[Reservation, ...] | None = None
    """None leaves them, () releases them, others replace them (compare and set).

    With FOUND, what the payment used of its job's own caps: counted as it is, room or not.
    """
    inclusion: Inclusion | None = None
    """Given with SEE_OK and SEE_FAIL; cleared by REORG; replaced (delivery) by SETTLE and FINALIZE."""
    lane_next: int | None = None
    """A person's or the chain's word on the lane's next sequence; one that is further already stays so."""
    lane_uses: tuple[Reservation, ...] = ()
    """Given with lane_next: what the lane did up to there, for no run of the journal, used of its job's caps.

    Counted as it is, room or not.
    """
    permission_id: Hash32 | None = None
    """The session a step towards the network is for; None where it may be any of the job's."""
    cancels: bool = False
    """Whether a SEND is of bytes that move nothing: a kill may let them pass."""
    facts: dict[str, str] = field(default_factory=dict)
    """For the record: bundler, answer, fees. Never a secret."""


@dataclass(frozen=True, slots=True)
class JobCursor:
    """The next slot of a job."""

    slot: str
    ordinal: int
    due_at: Timestamp


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A job as the journal knows it: its lane, its identity, its next slot."""

    job_id: str
    chain_id: ChainId
    account: Address
    entry_point: Address
    nonce_key: int
    identity_digest: str
    """Account, session, kind, payee: an edit that changes it is refused."""
    definition_digest: str
    cursor: JobCursor | None
    """Where the schedule starts for a job the journal has not seen, or whose definition changed."""
    sessions: tuple[Hash32, ...] = ()
    """Permission ids of the sessions it signs under, all on its account: a hold on one holds the job."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """An enrolled job with what happened to it."""

    enrolment: Enrolment
    active: bool
    paused: bool
    pause_reason: str
    next_sequence: int
    """Of its lane, by the journal."""
    doubtful_until: Timestamp = Timestamp(0)
    """Its lane did what the journal cannot assign: a slot or firing due until then may have been paid by it.

    Those that come into the journal later are held from the start.
    """


@dataclass(frozen=True, slots=True)
class NewOccurrence:
    """A slot that came due; `state` is DUE, or SKIPPED with its reason (catch-up rule)."""

    slot: str
    ordinal: int
    due_at: Timestamp
    state: State = State.DUE
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Armed:
    """The slots a due job puts in the journal, and its next slot (None: its schedule ended)."""

    occurrences: tuple[NewOccurrence, ...]
    cursor: JobCursor | None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One row of the hash chain; `digest` covers the row and the digest before it."""

    sequence: int
    at: Timestamp
    occurrence_id: int | None
    event: str
    from_state: str
    to_state: str
    data: str
    """Canonical JSON."""
    previous_digest: str
    digest: str
