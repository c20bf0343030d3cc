"""What the jobs of a session need of it, from when it was made to when it ends."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice, takewhile

from agent.commands.session_need import MAX_PERIODS
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import JobDefinition
from agent.domain.recurrence import Slot
from agent.domain.schedule import Schedule, slots
from agent.domain.units import Timestamp, Wei
from agent.smart_sessions.lint.subject import NextUse, Purpose
from jobs.kind import AnyKind


def purpose_of(
    session: SessionDefinition, ours: Sequence[JobDefinition], kinds: Mapping[str, AnyKind], now: Timestamp
) -> Purpose | None:
    """Return the need of the session's own jobs, headroom included; None without any, or without a number."""
    found = {job.id: _uses(session, job, kinds[job.kind], now) for job in ours}
    uses = {name: number for name, number in found.items() if number is not None}
    if not uses or len(uses) < len(ours):
        return None
    caps = [job.fees.max_cost_wei for job in ours]
    cost_wei = sum((job.fees.max_cost_wei or 0) * uses[job.id] for job in ours)
    return Purpose(
        actions=tuple(
            need for job in ours for need in kinds[job.kind].requirements(job.spec, job.account, uses[job.id])
        ),
        operations=sum(uses.values()),
        cost_wei=None if None in caps else Wei(cost_wei),
        jobs=len(ours),
        is_since_made=session.made_at is not None,
        needs_paymaster=any(job.needs_paymaster for job in ours),
        next_use=_next_use(ours, kinds, now),
    )


def _uses(session: SessionDefinition, job: JobDefinition, kind: AnyKind, now: Timestamp) -> int | None:
    headroom = len(job.retry.delays_s) + 1 if session.headroom is None else session.headroom
    schedule = job.schedule
    if schedule is None:
        firings = life_firings(session, job, kind)
        return None if firings is None else firings + headroom
    since = session.made_at if session.made_at is not None else min(schedule.start or now, now)
    # A period whose grace had not ended was still to be paid then.
    return _periods(schedule, Timestamp(since - job.retry.grace_s), session.expires_at) + headroom


def life_firings(session: SessionDefinition, job: JobDefinition, kind: AnyKind) -> int | None:
    """Return how often a job without a schedule may act over the session's life; None: nobody said."""
    return kind.expected_uses(job.spec) if session.uses is None else session.uses


# The jobs of one template have one schedule, and often sessions of one day: the calendar is asked once.
@lru_cache(maxsize=256)
def _periods(schedule: Schedule, after: Timestamp, until: Timestamp | None) -> int:
    due = takewhile(lambda slot: until is None or slot.due_at < until, slots(schedule, after))
    return sum(1 for _ in islice(due, MAX_PERIODS))


def _next_use(jobs: Iterable[JobDefinition], kinds: Mapping[str, AnyKind], now: Timestamp) -> NextUse | None:
    coming = [
        (slot.due_at, job.id, kinds[job.kind].requirements(job.spec, job.account, 1))
        for job in jobs
        if job.schedule is not None
        for slot in _next(job.schedule, now)
    ]
    if not coming:
        return None
    due_at, _, actions = min(coming, key=lambda found: found[:2])
    return NextUse(due_at, actions)


@lru_cache(maxsize=256)
def _next(schedule: Schedule, now: Timestamp) -> tuple[Slot, ...]:
    return tuple(islice(slots(schedule, now), 1))
