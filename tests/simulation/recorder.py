"""What really happened, whatever the agent believes: every signature, every byte sent, every journal."""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.domain.operation import JournaledOperation
from agent.domain.units import Address, Hash32
from tests.simulation.dice import Trace


@dataclass(frozen=True, slots=True)
class Signing:
    """One signed operation as it was journaled."""

    user_op_hash: Hash32
    job_id: str
    slot: str
    lane: tuple[Address, int]
    sequence: int
    final_sequence: int
    """The lane's sequence at the newest final block when it was journaled."""
    final_timestamp: int
    """Of that block."""
    void_after: int | None
    """When no block can hold it any more, by the window of whoever pays; None stands for never."""
    cancels: bool
    """It moves nothing and only takes the nonce."""
    generation: int
    """Which journal it was written to: a lost one is followed by another."""


@dataclass(slots=True)
class Recorder:
    """Keeps everything; the oracle reads it when the run is over."""

    trace: Trace
    elapsed_s: Callable[[], float]
    signed: dict[Hash32, Signing] = field(default_factory=dict)
    sends: list[tuple[float, Hash32, bool]] = field(default_factory=list)
    """When, what, and whether the journal had it then."""
    violations: list[str] = field(default_factory=list)
    generation: int = 0
    lost_at_s: float | None = None
    """When a journal was last lost or replaced by an old one."""
    silences: list[tuple[float, float]] = field(default_factory=list)
    """From the acknowledgement of a kill until it was let go."""
    booked: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """By job and slot of a run that was called foreign: the job's slots that the journal had as paid then."""
    foreign: set[tuple[Address, int]] = field(default_factory=set)
    """Lanes that somebody else used."""

    def note(self, *what: object) -> None:
        """Add a line to the trace."""
        self.trace.note(self.elapsed_s(), *what)

    def sent(self, operation: JournaledOperation, *, journaled: bool) -> None:
        """Note that bytes leave the process."""
        self.sends.append((self.elapsed_s(), operation.user_op_hash, journaled))
        self.note("leaves", operation.user_op_hash.hex()[:8])

    def broken(self, invariant: str, what: str) -> None:
        """Note that something happened that must not."""
        self.violations.append(f"{invariant}: {what}")
        self.note("VIOLATION", invariant, what)
