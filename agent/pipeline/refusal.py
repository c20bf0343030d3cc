"""Turn every reason not to send into one of three answers: later, never, or a person. Pure."""

import json
from dataclasses import dataclass, field, replace
from typing import assert_never

from agent.domain.budget import Violation
from agent.domain.errors import (
    AgentError,
    BundlerRejected,
    EntryPointRejected,
    Held,
    NotFound,
    PaymasterRejected,
    Refused,
    StaleRecord,
    Unavailable,
)
from agent.domain.evaluation import NextBlock, Skip, Stop, Wait
from agent.domain.job_caps import JobCapReached
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.erc4337.answer_table import Phase
from agent.erc4337.bundler_actions import Fail, RetryAfter
from agent.erc4337.bundler_errors import BundlerAnswer, Meaning, meaning_of, meaning_of_refusal
from agent.erc4337.entry_point_errors import EntryPointError
from agent.erc4337.inner_errors import inner_error
from agent.smart_sessions.violation_words import Tokens, violation_document, violation_text

SHORTEST_WAIT_S = 15
NEXT_BLOCK_S = 2
"""How long a kind that asks for the next block waits at least: asked at once it would be shown the same."""
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

    def __init__(self, violations: tuple[Violation, ...], tokens: Tokens | None = None) -> None:
        known = tokens or {}
        super().__init__("; ".join(violation_text(violation, known) for violation in violations))
        self.code = violations[0].code
        self.violations = violations
        self.documents = [violation_document(violation, known) for violation in violations]


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why nothing is sent, and what becomes of the occurrence."""

    event: Event
    code: str
    reason: str
    not_before: Timestamp | None = None
    facts: dict[str, str] = field(default_factory=dict)
    """For the journal: `violations` as JSON, amounts in base units."""


def from_evaluation(evaluation: Wait | NextBlock | Skip | Stop, now: Timestamp) -> NotNow:
    """Return what a kind's answer means for the occurrence."""
    match evaluation:
        case Wait(until, code, why):
            return NotNow(Event.POSTPONE, code, why, until)
        case NextBlock(code, why):
            return NotNow(Event.POSTPONE, code, why, Timestamp(now + NEXT_BLOCK_S))
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
    if isinstance(error, (BundlerRejected, EntryPointRejected)):
        return _refused(_meaning(error), due_at, now)
    if isinstance(error, Held):
        # Somebody may let it go any moment; asking the journal again costs nothing.
        return NotNow(Event.POSTPONE, error.code, str(error), Timestamp(now + SHORTEST_WAIT_S))
    if isinstance(error, JobCapReached):
        return _capped(error, due_at, now)
    if isinstance(error, (Defer, Refused, PaymasterRejected, Unavailable)):
        return replace(_later(error.code, str(error), due_at, now), facts=_facts(error))
    if isinstance(error, (StaleRecord, NotFound)):
        raise error
    return NotNow(Event.HOLD, error.code, str(error))


def _capped(error: JobCapReached, due_at: Timestamp, now: Timestamp) -> NotNow:
    """Return when there is room again; a run for which there never will be is left undone."""
    reason = f"{error}; {error.remedy}"
    if error.frees_at is None:
        return NotNow(Event.SKIP, error.code, reason)
    soonest = Timestamp(now + pause_s(due_at, now))
    return NotNow(Event.POSTPONE, error.code, reason, max(error.frees_at, soonest))


def _facts(error: AgentError) -> dict[str, str]:
    return {"violations": json.dumps(error.documents)} if isinstance(error, PreflightError) else {}


def _meaning(error: BundlerRejected | EntryPointRejected) -> Meaning:
    if isinstance(error, BundlerRejected):
        told = BundlerAnswer(error.rpc_code, error.message, error.data, error.bundler)
        return meaning_of(told, Phase.ESTIMATE)
    code, _, text = error.reason.partition(" ")
    inner = inner_error(error.inner_data) if error.inner_data else None
    meaning = meaning_of_refusal(EntryPointError(code, text, inner))
    return replace(meaning, reason=str(error))


def _refused(meaning: Meaning, due_at: Timestamp, now: Timestamp) -> NotNow:
    """Return what a refusal means while nothing is signed: later, unless it can never pass."""
    if isinstance(meaning.action, Fail):
        return NotNow(Event.HOLD, meaning.code, str(meaning))
    later_s = pause_s(due_at, now)
    if isinstance(meaning.action, RetryAfter):
        later_s = max(later_s, meaning.action.seconds)
    return NotNow(Event.POSTPONE, meaning.code, str(meaning), Timestamp(now + later_s))


def _later(code: str, reason: str, due_at: Timestamp, now: Timestamp) -> NotNow:
    return NotNow(Event.POSTPONE, code, reason, Timestamp(now + pause_s(due_at, now)))


def pause_s(due_at: Timestamp, now: Timestamp) -> int:
    """Return how long to wait: a quarter of the lateness, so that a long outage is not hammered."""
    return min(max((now - due_at) // 4, SHORTEST_WAIT_S), LONGEST_WAIT_S)
