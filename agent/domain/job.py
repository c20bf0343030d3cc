"""A job as its file defines it, checked and in base units."""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain.schedule import CatchUp, Retry, Schedule
from agent.domain.units import Address, ChainId, Gas, Hash32, Wei

SELF = "self"
"""Among those who pay for gas: the account."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file something is written; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class GiveUp(StrEnum):
    """What becomes of an operation that was sent and has not landed when the grace of its slot ends."""

    WAIT = "wait"
    CANCEL = "cancel"


class SendBy(StrEnum):
    """Which bundlers may see what a job sends."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Only those of the chain that keep it to themselves."""


RAISE_AFTER_S = 60
"""How long an operation stays out of sight before its fees are raised, where no file says."""


@dataclass(frozen=True, slots=True)
class FeeCaps:
    """The most an operation may cost, and what is done about one that does not land for it.

    None leaves a field to the chain's settings.
    """

    max_fee_per_gas_wei: Wei | None = None
    max_priority_fee_per_gas_wei: Wei | None = None
    max_cost_wei: Wei | None = None
    """Gas times fee of one operation, worst case."""
    max_gas: Gas | None = None
    """All gas limits of one operation together."""
    raise_after_s: int | None = None
    give_up: GiveUp | None = None

    @property
    def patience_s(self) -> int:
        """How long an operation stays out of sight before its fees are raised."""
        return RAISE_AFTER_S if self.raise_after_s is None else self.raise_after_s


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
    """Name of the session it signs under; the first of them where it names several."""
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
    other_sessions: tuple[str, ...] = ()
    """Further sessions of the same account that may pay in its place."""
    send_by: SendBy = SendBy.PUBLIC
    pay_gas_by: tuple[str, ...] = (SELF,)
    """Who pays for gas: paymasters of the chain by name, or the account itself, the first that can."""

    @property
    def sessions(self) -> tuple[str, ...]:
        """Every session the job names, in the order of the file."""
        return (self.session, *self.other_sessions)

    @property
    def needs_paymaster(self) -> bool:
        """Whether a paymaster may pay for its gas."""
        return any(payer != SELF for payer in self.pay_gas_by)
