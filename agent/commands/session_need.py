"""What a session must allow so that its jobs can run: calls, operations, gas, and until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from agent.definitions.drafts import Draft
from agent.domain.errors import ConfigError
from agent.domain.job import JobDefinition
from agent.domain.requirement import ActionRequirement
from agent.domain.schedule import Schedule, slots
from agent.domain.units import ChainId, Gas, Timestamp, Wei
from agent.smart_sessions.cover import Period
from jobs.kind import AnyKind

DEVNET = ChainId(31_337)
DEVNET_MARGIN_S = 30 * 86_400
SETTLE_MARGIN_S = 86_400
"""Behind the last grace: what started in time may still be on its way."""
GAS_PER_OPERATION = Gas(2_000_000)
"""All gas limits of one payment through a session, with room for a chain that counts its data as gas."""
ESTIMATE_GAS = Gas(100_000_000)
"""Bundlers estimate far above need (alto: with 20 million), and the last payment must pass that too."""
MAX_PERIODS = 10_000


class UnfitSession(ConfigError):
    """No least-privilege session can be derived from the jobs."""

    code = "session_not_derivable"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator may say about a new session; None takes it from the jobs."""

    periods: int | None = None
    """Periods to allow, at most; needed for a schedule without an end."""
    headroom: int | None = None
    """Spare operations per job: for retries, and for one zero payment that cancels."""
    allow_lint: tuple[str, ...] = ()
    """Lint rules that may be broken."""
    allow_lint_reason: str = ""
    uses: int | None = None
    """How often a job without a schedule may act; needed where the job does not say."""
    until: Timestamp | None = None
    """Up to when a job without a schedule may act; needed where it has no end of its own."""


@dataclass(frozen=True, slots=True)
class SessionNeed:
    """The least that all jobs of one session need together."""

    actions: tuple[ActionRequirement, ...]
    operations: int
    gas: Gas
    cost_wei: Wei
    until: Timestamp
    paymaster: bool = False
    """Whether another may pay for gas."""


def session_need(
    draft: Draft, kinds: Mapping[str, AnyKind], wish: Wish, now: Timestamp, wall_now: Timestamp
) -> SessionNeed:
    """Return what the jobs need from now on; raise UnfitSession when that has no bound or they disagree."""
    needs = [_job_need(job, kinds[job.kind], wish, now) for job in draft.jobs]
    until = max(need.until for need in needs)
    if draft.chain_id == DEVNET:
        # The local bundler simulates at wall-clock time, which may be far ahead of its chain's.
        until = Timestamp(max(until, wall_now + DEVNET_MARGIN_S))
    return SessionNeed(
        actions=_merged(draft.session, [action for need in needs for action in need.actions]),
        operations=sum(need.operations for need in needs),
        gas=Gas(sum(need.gas for need in needs) + ESTIMATE_GAS),
        cost_wei=Wei(sum(need.cost_wei for need in needs)),
        until=until,
        paymaster=any(need.paymaster for need in needs),
    )


def _job_need(job: JobDefinition, kind: AnyKind, wish: Wish, now: Timestamp) -> SessionNeed:
    periods = periods_of(job, kind, wish, now)
    uses = len(periods) + headroom_of(job, wish)
    cost_wei = job.fees.max_cost_wei
    if cost_wei is None:
        raise UnfitSession(f"job {job.id} has no cap on the cost of an operation: add fees: {{max_cost: …}}")
    return SessionNeed(
        actions=kind.requirements(job.spec, job.account, uses),
        operations=uses,
        gas=Gas((job.fees.max_gas or GAS_PER_OPERATION) * uses),
        cost_wei=Wei(cost_wei * uses),
        until=Timestamp(max(period.until for period in periods) + SETTLE_MARGIN_S),
        paymaster=job.needs_paymaster,
    )


def headroom_of(job: JobDefinition, wish: Wish) -> int:
    """Return the spare operations of a job: as wished, or one for each retry and one to cancel."""
    return len(job.retry.delays_s) + 1 if wish.headroom is None else wish.headroom


def periods_of(job: JobDefinition, kind: AnyKind, wish: Wish, now: Timestamp) -> tuple[Period, ...]:
    """Return what a new session is for: a period for each slot, or for each firing of a triggered job.

    Raise UnfitSession without any, or without an end.
    """
    if job.schedule is None:
        return _firings(job, kind, wish, now)
    due = _due_times(job, job.schedule, wish, now)
    return tuple(Period(at, Timestamp(at + job.retry.grace_s)) for at in due)


def _firings(job: JobDefinition, kind: AnyKind, wish: Wish, now: Timestamp) -> tuple[Period, ...]:
    uses = kind.expected_uses(job.spec) if wish.uses is None else wish.uses
    if uses is None:
        raise UnfitSession(f"job {job.id} acts when the chain says so: say how often at most with --uses")
    if not 1 <= uses <= MAX_PERIODS:
        raise UnfitSession(f"job {job.id} has {uses} uses: a session takes 1 to {MAX_PERIODS}")
    ends = [end for end in (kind.ends_at(job.spec), wish.until) if end is not None]
    if not ends:
        raise UnfitSession(f"job {job.id} has no end: say up to when it may act with --until")
    if min(ends) <= now:
        raise UnfitSession(f"job {job.id} is over: it may act up to second {min(ends)}, now it is {now}")
    # What fired in its last second may start as late as any other.
    return (Period(now, Timestamp(min(ends) + job.retry.grace_s)),) * uses


def _due_times(job: JobDefinition, schedule: Schedule, wish: Wish, now: Timestamp) -> tuple[Timestamp, ...]:
    if wish.periods is None and schedule.count is None and schedule.end is None:
        raise UnfitSession(f"job {job.id} never ends: say for how many periods with --periods")
    # A period whose grace has not ended may still be paid.
    ahead = slots(schedule, Timestamp(now - job.retry.grace_s))
    due = tuple(slot.due_at for slot in islice(ahead, wish.periods or MAX_PERIODS + 1))
    if not due:
        raise UnfitSession(f"job {job.id} has no period left to pay")
    if len(due) > MAX_PERIODS:
        raise UnfitSession(f"job {job.id} has more than {MAX_PERIODS} periods left: limit --periods")
    return due


def _merged(session: str, actions: Iterable[ActionRequirement]) -> tuple[ActionRequirement, ...]:
    found: dict[tuple[bytes, bytes], ActionRequirement] = {}
    for action in actions:
        key = (action.target, action.selector)
        first = found.get(key)
        found[key] = action if first is None else _sum(session, first, action)
    return tuple(found.values())


def _sum(session: str, one: ActionRequirement, other: ActionRequirement) -> ActionRequirement:
    same = (one.rules, one.value_per_use_wei, one.token) == (
        other.rules,
        other.value_per_use_wei,
        other.token,
    )
    if not same:
        # One action takes one set of rules: a union would let each job's key do more than any job needs.
        raise UnfitSession(
            f"the jobs of session {session} differ in amount or payee: name another session in each of them"
        )
    return replace(one, uses=one.uses + other.uses, token_total=one.token_total + other.token_total)
