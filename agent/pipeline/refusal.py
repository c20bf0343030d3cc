"""Turn every reason not to send into one of three answers: later, never, or a person. Pure."""

from dataclasses import dataclass
from typing import assert_never

from agent.domain.budget import Violation
from agent.domain.errors import (
    AgentError,
    BundlerRejected,
    EntryPointRejected,
    NotFound,
    Refused,
    StaleRecord,
    Unavailable,
)
from agent.domain.evaluation import NextBlock, Skip, Stop, Wait
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.erc4337.aa_codes import Action
from agent.erc4337.entry_point_errors import error_from_message

SHORTEST_WAIT_S = 15
LONGEST_WAIT_S = 900


class Defer(AgentError):
    """Not now; the cause goes away by itself."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Stuck(AgentError):
    """A person has to look before anything more is signed on this lane."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class PreflightError(Refused):
    """The session has no room for the plan; `violations` names every rule that says so."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(str(violation) for violation in violations))
        self.code = violations[0].code
        self.violations = violations


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why nothing is sent, and what becomes of the occurrence."""

    event: Event
    code: str
    reason: str
    not_before: Timestamp | None = None


def from_evaluation(evaluation: Wait | NextBlock | Skip | Stop, now: Timestamp) -> NotNow:
    """Return what a kind's answer means for the occurrence."""
    match evaluation:
        case Wait(until, code, why):
            return NotNow(Event.POSTPONE, code, why, until)
        case NextBlock(code, why):
            return NotNow(Event.POSTPONE, code, why, now)
        case Skip(code, why):
            return NotNow(Event.SKIP, code, why)
        case Stop(code, why):
            return NotNow(Event.HOLD, code, why)
        case _:
            assert_never(evaluation)


def from_error(error: AgentError, due_at: Timestamp, now: Timestamp) -> NotNow:
    """Return what an error before the first send means; raises one that is about the record itself."""
    if isinstance(error, Stuck):
        return NotNow(Event.HOLD, error.code, str(error))
    if isinstance(error, BundlerRejected):
        return _bundler(error, due_at, now)
    if isinstance(error, EntryPointRejected):
        return _later(_code(error), str(error), due_at, now)
    if isinstance(error, (Defer, Refused, Unavailable)):
        return _later(error.code, str(error), due_at, now)
    if isinstance(error, (StaleRecord, NotFound)):
        raise error
    return NotNow(Event.HOLD, error.code, str(error))


def _bundler(error: BundlerRejected, due_at: Timestamp, now: Timestamp) -> NotNow:
    found = error_from_message(error.message)
    if found is None:
        return _later("estimate_rejected", str(error), due_at, now)
    if found.action is Action.FAIL:
        return NotNow(Event.HOLD, found.code.lower(), str(found))
    return _later(found.code.lower(), str(found), due_at, now)


def _code(error: EntryPointRejected) -> str:
    aa_code, inner = error.reason.split(" ", 1)[0], error.inner_name.split("(", 1)[0]
    return f"{aa_code} {inner}".strip().lower().replace(" ", "_")


def _later(code: str, reason: str, due_at: Timestamp, now: Timestamp) -> NotNow:
    return NotNow(Event.POSTPONE, code, reason, Timestamp(now + pause_s(due_at, now)))


def pause_s(due_at: Timestamp, now: Timestamp) -> int:
    """Return how long to wait: a quarter of the lateness, so that a long outage is not hammered."""
    return min(max((now - due_at) // 4, SHORTEST_WAIT_S), LONGEST_WAIT_S)
