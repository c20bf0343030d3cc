"""When an operation that a job signs becomes void by itself, and whether it could be cancelled. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.commands.plan_fires import Fire, JobOutlook, Outcome, SessionOutlook, operation_of
from agent.domain.budget import Cleared
from agent.domain.units import Timestamp
from agent.smart_sessions.harmless import harmless_calls
from agent.smart_sessions.preflight import earliest_expiry, preflight


class VoidBy(StrEnum):
    """What ends the life of a signed operation that has not landed."""

    PAYMASTER = "paymaster"  #: the end of the paymaster's offer, minutes as a rule
    SESSION = "session"  #: the end of the session's time frame
    NEVER = "never"  #: only its nonce


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long what is signed may still land."""

    by: VoidBy
    session_ends: Timestamp | None
    """At the latest, whoever pays; None for a session without end."""
    can_cancel: bool
    """Whether the session has room for an operation that moves nothing."""


def lifetimes(
    fires: Iterable[Fire],
    jobs: Mapping[str, JobOutlook],
    sessions: Mapping[str, SessionOutlook],
    now: Timestamp,
) -> dict[str, Lifetime]:
    """Return, for each job that would send something, how long the first of that may land."""
    found: dict[str, Lifetime] = {}
    for fire in fires:
        name = fire.definition.id
        if fire.would is Outcome.SEND and name not in found:
            at = Timestamp(max(fire.slot.due_at, now))
            found[name] = lifetime(jobs[name], sessions[fire.session], at)
    return found


def lifetime(job: JobOutlook, session: SessionOutlook, at: Timestamp) -> Lifetime:
    """Return how long the job's operations may land, signed at a time under a session."""
    grant, definition = session.grant, job.definition
    ends = earliest_expiry(grant, session.counters)
    by = VoidBy.NEVER if ends is None else VoidBy.SESSION
    if definition.needs_paymaster:
        by = VoidBy.PAYMASTER
    operations = (
        operation_of(definition, (call,), job.pricing)
        for call in harmless_calls(grant.session, definition.account)
    )
    verdicts = (preflight(grant, session.counters, {}, operation, at) for operation in operations)
    return Lifetime(by, ends, any(isinstance(verdict, Cleared) for verdict in verdicts))
