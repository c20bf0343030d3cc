"""What the jobs of a session need of it, from when it was made to when it ends."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, takewhile

from agent.commands.session_need import MAX_PERIODS
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import JobDefinition
from agent.domain.schedule import Schedule, slots
from agent.domain.units import Timestamp, Wei
from agent.smart_sessions.lint.subject import NextUse, Purpose
from jobs.kind import AnyKind


def purpose_of(
    session: SessionDefinition, ours: Sequence[JobDefinition], kinds: Mapping[str, AnyKind], now: Timestamp
) -> Purpose | None:
    """Return the need of the session's own jobs, headroom included; None without any, or a schedule."""
    uses = {job.id: _uses(session, job, job.schedule, now) for job in ours if job.schedule is not None}
    if not uses or len(uses) < len(ours):
        return None
    caps = [job.fees.max_cost_wei for job in ours]
    cost_wei = sum((job.fees.max_cost_wei or 0) * uses[job.id] for job in ours)
    return Purpose(
        actions=tuple(need for job in ours for need in kinds[job.kind].requirements(job.spec, uses[job.id])),
        operations=sum(uses.values()),
        cost_wei=None if None in caps else Wei(cost_wei),
        jobs=len(ours),
        is_since_made=session.made_at is not None,
        next_use=_next_use(ours, kinds, now),
    )


def _uses(session: SessionDefinition, job: JobDefinition, schedule: Schedule, now: Timestamp) -> int:
    since = session.made_at if session.made_at is not None else min(schedule.start or now, now)
    # A period whose grace had not ended was still to be paid then.
    ahead = slots(schedule, Timestamp(since - job.retry.grace_s))
    until = session.expires_at
    due = takewhile(lambda slot: until is None or slot.due_at < until, ahead)
    headroom = len(job.retry.delays_s) + 1 if session.headroom is None else session.headroom
    return sum(1 for _ in islice(due, MAX_PERIODS)) + headroom


def _next_use(jobs: Iterable[JobDefinition], kinds: Mapping[str, AnyKind], now: Timestamp) -> NextUse | None:
    coming = [
        (slot.due_at, job.id, kinds[job.kind].requirements(job.spec, 1))
        for job in jobs
        if job.schedule is not None
        for slot in islice(slots(job.schedule, now), 1)
    ]
    if not coming:
        return None
    due_at, _, actions = min(coming, key=lambda found: found[:2])
    return NextUse(due_at, actions)
