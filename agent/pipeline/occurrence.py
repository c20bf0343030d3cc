"""The whole agent in one function: from a due slot to an operation on its way."""

from agent.domain.errors import AgentError
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import grace_start
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.append import append
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services
from agent.pipeline.prepare import Prepared, prepare
from agent.pipeline.refusal import NotNow, from_error
from agent.pipeline.sign import sign
from agent.pipeline.submit import submit


async def pay(services: Services, job: JobContext, occurrence: Occurrence) -> Occurrence:
    """Take a due occurrence as far as it goes now: sent, put off, skipped, held or given up.

    Nothing leaves the process before `append` has returned; nothing after it decides anything new.
    """
    now = await services.clock.now()
    definition = job.definition
    begins = grace_start(definition.catch_up, occurrence.due_at, occurrence.created_at)
    if now > begins + definition.retry.grace_s:
        return await _record(services, occurrence, _grace_ended(occurrence), now)
    if occurrence.state is State.DUE:
        occurrence = await services.journal.record(change_of(occurrence, Event.CLAIM, now))
    try:
        prepared = await prepare(services, job, occurrence, now)
    except AgentError as error:
        prepared = from_error(error, occurrence.due_at, now)
    if isinstance(prepared, NotNow):
        return await _record(services, occurrence, prepared, now)
    return await _send(services, job, occurrence, prepared)


async def _send(
    services: Services, job: JobContext, occurrence: Occurrence, prepared: Prepared
) -> Occurrence:
    now = await services.clock.now()
    try:
        occurrence = await services.journal.record(prepared.plan_change(occurrence, now))
        signed = await sign(job, prepared)
    except AgentError as error:
        refused = from_error(error, occurrence.due_at, now)
        return await _record(services, occurrence, refused, now)
    occurrence, journaled = await append(services, occurrence, signed)
    return await submit(services, job.chain.bundlers[0], occurrence, journaled)


async def _record(services: Services, occurrence: Occurrence, why: NotNow, now: Timestamp) -> Occurrence:
    event = why.event
    if event is Event.POSTPONE and occurrence.state is State.PLANNED:
        event = Event.UNPLAN
    change = change_of(
        occurrence,
        event,
        now,
        code=why.code,
        reason=why.reason,
        not_before=why.not_before,
        reservations=() if occurrence.state is State.PLANNED else None,
    )
    return await services.journal.record(change)


def _grace_ended(occurrence: Occurrence) -> NotNow:
    last = f"; last reason: {occurrence.reason}" if occurrence.reason else ""
    return NotNow(Event.GIVE_UP, occurrence.code or "grace_ended", f"the grace period ended{last}")
