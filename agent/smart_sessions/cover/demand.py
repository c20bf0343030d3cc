"""What jobs ask of a session, and what of it is missing."""

from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.possible_call import PossibleOperation
from agent.domain.units import Address, Gas, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class Period:
    """One slot: from when it is due, and until when an operation for it may be included."""

    since: Timestamp
    until: Timestamp


@dataclass(frozen=True, slots=True)
class Demand:
    """What one job asks of a session."""

    operations: tuple[PossibleOperation, ...]
    periods: tuple[Period, ...]
    gas: Gas
    """All gas limits of one operation together, at most."""
    cost_wei: Wei | None
    """Gas times fee of one operation, at most; None where the job has no cap on it."""
    spare_gas: Gas = Gas(0)
    """What the estimate for the last operation declares beyond it."""
    needs_paymaster: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is missing; numbers are in the smallest unit of what they count."""

    code: str
    """Stable: those of the preflight and of the gaps that only a proof finds."""
    remedy: str
    call: Call | None = None
    """An example of the call; None for what concerns every operation."""
    policy: Address | None = None
    part: str = ""
    unit: str = ""
    """`token`, `wei`, `gas`, `uses`, `argument`, `second` or empty."""
    asked: int | None = None
    granted: int | None = None
