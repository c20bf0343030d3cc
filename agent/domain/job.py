"""A job as its file defines it, checked and in base units."""

from dataclasses import dataclass, field

from agent.domain.schedule import CatchUp, Retry, Schedule
from agent.domain.units import Address, ChainId, Gas, Hash32, Wei


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file something is written; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class FeeCaps:
    """The most an operation of the job may cost; None leaves that cap to the chain's settings."""

    max_fee_per_gas_wei: Wei | None = None
    max_priority_fee_per_gas_wei: Wei | None = None
    max_cost_wei: Wei | None = None
    """Gas times fee of one operation, worst case."""
    max_gas: Gas | None = None
    """All gas limits of one operation together."""


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One job of one account; many payers are many of these."""

    id: str
    kind: str
    chain_id: ChainId
    account: Address
    account_kind: str
    """nexus, startale, kernel, safe7579 or reference."""
    session: str
    """Name of the session it signs under."""
    schedule: Schedule | None
    """None for kinds that the chain triggers."""
    spec: object
    """What the kind's own model made of the file."""
    identity_digest: Hash32
    """Of account, session, kind and payee: an edit that changes it is refused."""
    digest: Hash32
    """Of everything that decides what the job does."""
    place: Place
    lane: int | None = None
    """Set in the file only when two jobs of one account derive the same lane."""
    fees: FeeCaps = field(default_factory=FeeCaps)
    retry: Retry = field(default_factory=Retry)
    catch_up: CatchUp = CatchUp.NONE
    reference: str = ""
    """What the operator's books call it."""
