"""Tell the journal which jobs there are, and where each new or edited one starts."""

from collections.abc import Iterable

from agent.domain.journal import Enrolment, JobCursor, JobRow
from agent.domain.recurrence import Slot
from agent.domain.schedule import latest_slot, next_slot
from agent.domain.units import Timestamp
from agent.pipeline.context import JobContext, Services


async def enrol(services: Services, jobs: Iterable[JobContext]) -> tuple[JobRow, ...]:
    """Enroll every job; raises ConfigError naming each one whose identity changed."""
    now = await services.clock.now()
    known = {row.enrolment.job_id: row for row in await services.journal.jobs(active_only=False)}
    enrolments = [await _enrolment(services, job, known.get(job.definition.id), now) for job in jobs]
    return await services.journal.enroll(enrolments, now)


async def _enrolment(services: Services, job: JobContext, known: JobRow | None, now: Timestamp) -> Enrolment:
    definition = job.definition
    edited = known is None or known.enrolment.definition_digest != str(definition.digest)
    last_key = await _last_key(services, definition.id) if known is not None and edited else None
    return Enrolment(
        job_id=definition.id,
        chain_id=definition.chain_id,
        account=definition.account,
        entry_point=job.chain.entry_point,
        nonce_key=job.nonce_key,
        identity_digest=str(definition.identity_digest),
        definition_digest=str(definition.digest),
        cursor=first_cursor(job, now, last_key) if edited else None,
        sessions=tuple(session.permission_id for session in job.sessions),
    )


async def _last_key(services: Services, job_id: str) -> str | None:
    newest = await services.journal.occurrences(job_id=job_id, limit=1, newest_first=True)
    return newest[0].slot if newest else None


def first_cursor(job: JobContext, now: Timestamp, last_key: str | None) -> JobCursor | None:
    """Return where a new or edited job starts: never in a period that has an occurrence already.

    A new job whose `start` has passed begins with the newest slot still in its grace; without a `start`
    nothing that was due before the job existed is owed.
    """
    schedule = job.definition.schedule
    if schedule is None:
        return None
    owed = latest_slot(schedule, now) if schedule.start is not None and last_key is None else None
    if owed is not None and now <= owed.due_at + job.definition.retry.grace_s:
        return _cursor(owed)
    following = next_slot(schedule, now, last_key)
    return None if following is None else _cursor(following)


def _cursor(slot: Slot) -> JobCursor:
    return JobCursor(slot.key, slot.ordinal, slot.due_at)
