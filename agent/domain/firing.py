"""A watched job in the journal: what it saw last, how its firings went, and what makes its next one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.domain.hold import Hold, SessionScope, scopes_over
from agent.domain.journal import JobRow
from agent.domain.states import TERMINAL, State
from agent.domain.units import Hash32, Timestamp
from agent.domain.watching import NEVER, Again, Firings, Memory

PAUSED = "paused"
SUCCEEDED = frozenset({State.FINAL_OK, State.INCLUDED_OK})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watched job saw last."""

    job_id: str
    memory: Memory = field(default_factory=dict)
    block_number: int = 0
    """Of the block it was seen at; 0 before the first."""
    block_hash: Hash32 | None = None
    kept: Memory = field(default_factory=dict)
    """What it remembered at the newest block that was final by then, or when it fired last: no reorg takes
    that back."""
    code: str = ""
    why: str = ""
    alarm: bool = False
    again: Again = NEVER
    first_block: int | None = None
    """Where a job that hears of event logs was first seen: of earlier ones it never hears."""
    log_block: int | None = None
    """The newest block whose logs it has heard for good: they were walked once more when it was final."""
    fired: int | None = None
    """The number of the newest firing that whoever saw this knew of; not kept with it, None: not asked."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What makes an occurrence of a watched job."""

    seen: Seen
    """From here on, memory and all; kept only if the firing is taken."""
    slot: str
    number: int | None
    """The firing's number, which must be the next one; None where the slot alone tells it from others."""
    due_at: Timestamp
    """The block's own time."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """The values that decided. Never a secret."""

    @property
    def job_id(self) -> str:
        """Whose firing it is."""
        return self.seen.job_id


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """A watched job as the journal has it."""

    seen: Seen
    firings: Firings
    stopped: str = ""
    """Why nothing of it fires now: `paused`, or the code of a hold."""


@dataclass(frozen=True, slots=True)
class StateSum:
    """The occurrences of one job in one state, summed up."""

    state: State
    count: int
    newest: int
    """The highest ordinal."""
    changed_at: Timestamp
    """When one of them changed last."""


def firings_from(sums: Iterable[StateSum]) -> Firings:
    """Return how a job's firings went."""
    every = tuple(sums)
    ended = [one for one in every if one.state in TERMINAL]
    newest = max(ended, key=lambda one: one.newest, default=None)
    return Firings(
        count=max((one.newest for one in every), default=0),
        open=sum(one.count for one in every if one.state not in TERMINAL),
        succeeded=sum(one.count for one in every if one.state in SUCCEEDED),
        last_ended_at=max((one.changed_at for one in ended), default=None),
        last_state=None if newest is None else newest.state,
    )


def after(past: Firings, later: Firings) -> Firings:
    """Return how firings went of which some came after the others."""
    return Firings(
        count=max(past.count, later.count),
        open=past.open + later.open,
        succeeded=past.succeeded + later.succeeded,
        last_ended_at=past.last_ended_at if later.last_ended_at is None else later.last_ended_at,
        last_state=past.last_state if later.last_state is None else later.last_state,
    )


def why_stopped(job: JobRow, held: Mapping[str, Hold]) -> str:
    """Return the code of what keeps a job from firing, empty when nothing does.

    `held` has an active hold of each scope that is held. Of several sessions one that is free will do.
    """
    if not job.active:
        return "inactive"
    if job.paused:
        return PAUSED
    if not held:
        return ""
    enrolment = job.enrolment
    account = enrolment.chain_id, enrolment.account
    wide = [str(scope) for scope in scopes_over(*account, enrolment.job_id, ())]
    sessions = [str(SessionScope(*account, session)) for session in enrolment.sessions]
    found = [held[scope] for scope in wide if scope in held]
    if sessions and all(scope in held for scope in sessions):
        found.append(held[sessions[0]])
    return found[0].code if found else ""
