"""What a session must allow so that its jobs can run: calls, operations, gas, and until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from agent.definitions.drafts import Draft
from agent.domain.errors import ConfigError
from agent.domain.job import JobDefinition
from agent.domain.requirement import ActionRequirement
from agent.domain.schedule import slots
from agent.domain.units import ChainId, Gas, Timestamp, Wei
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


@dataclass(frozen=True, slots=True)
class SessionNeed:
    """The least that all jobs of one session need together."""

    actions: tuple[ActionRequirement, ...]
    operations: int
    gas: Gas
    cost_wei: Wei
    until: Timestamp


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
    )


def _job_need(job: JobDefinition, kind: AnyKind, wish: Wish, now: Timestamp) -> SessionNeed:
    due = _due_times(job, wish, now)
    headroom = len(job.retry.delays_s) + 1 if wish.headroom is None else wish.headroom
    uses = len(due) + headroom
    cost_wei = job.fees.max_cost_wei
    if cost_wei is None:
        raise UnfitSession(f"job {job.id} has no cap on the cost of an operation: add fees: {{max_cost: …}}")
    return SessionNeed(
        actions=kind.requirements(job.spec, uses),
        operations=uses,
        gas=Gas((job.fees.max_gas or GAS_PER_OPERATION) * uses),
        cost_wei=Wei(cost_wei * uses),
        until=Timestamp(due[-1] + job.retry.grace_s + SETTLE_MARGIN_S),
    )


def _due_times(job: JobDefinition, wish: Wish, now: Timestamp) -> tuple[Timestamp, ...]:
    schedule = job.schedule
    if schedule is None:
        raise UnfitSession(f"job {job.id} has no schedule to count periods of")
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
