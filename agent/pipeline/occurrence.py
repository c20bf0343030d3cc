"""The whole agent in one function: from a due slot to an operation on its way."""

from dataclasses import replace

from agent.domain.errors import AgentError, BudgetExceeded
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import grace_start
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.append import append
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services, scopes_of
from agent.pipeline.earlier import booked, require_closed
from agent.pipeline.lane_repair import fill, gap_at
from agent.pipeline.outrun import outrun
from agent.pipeline.prepare import Prepared, prepare
from agent.pipeline.rebuild import rebuilt
from agent.pipeline.refusal import NotNow, from_error
from agent.pipeline.sequence import LaneAhead, LaneBehind, next_nonce
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
        return await _end(services, job, occurrence, now)
    taken = occurrence = await _claimed(services, occurrence, now)
    try:
        done = await booked(services, job, taken)
        if done is not None:
            return done
        # No session is chosen yet: what stops one of several does not stop the job.
        prepared = await services.gate.through(scopes_of(job), lambda: _prepared(services, job, taken, now))
    except LaneAhead:
        return await _rebuilt(services, job, occurrence, now)
    except AgentError as error:
        return await _put_off(services, job, occurrence, error, now)
    if isinstance(prepared, NotNow):
        return await _record(services, job, occurrence, prepared, now)
    return await _send(services, job, occurrence, prepared)


async def _prepared(
    services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp
) -> Prepared | NotNow:
    return await prepare(services, await services.first_use(job), occurrence, now, signs=True)


async def _end(services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    """Give up what is too late, unless it was paid before the journal was lost."""
    try:
        await next_nonce(job, services, await job.chain.agreed.block("latest"))
    except LaneAhead:
        return await _rebuilt(services, job, await _claimed(services, occurrence, now), now)
    except AgentError as error:
        return await _put_off(services, job, await _claimed(services, occurrence, now), error, now)
    return await _record(services, job, occurrence, _grace_ended(occurrence), now)


async def _put_off(
    services: Services, job: JobContext, occurrence: Occurrence, error: AgentError, now: Timestamp
) -> Occurrence:
    """Write down what an error means, and send again what a lane lacks."""
    why = from_error(error, occurrence.due_at, now)
    gap = None
    if isinstance(error, LaneBehind):
        gap = await gap_at(services, job, occurrence, error.on_chain)
    if gap is None:
        return await _record(services, job, occurrence, why, now)
    after = await _record(services, job, occurrence, replace(why, facts=why.facts | gap.facts), now)
    await fill(services, job, after, gap)
    return after


async def _claimed(services: Services, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    if occurrence.state is not State.DUE:
        return occurrence
    return await services.journal.record(change_of(occurrence, Event.CLAIM, now))


async def _rebuilt(services: Services, job: JobContext, occurrence: Occurrence, now: Timestamp) -> Occurrence:
    try:
        return await rebuilt(services, job, occurrence)
    except AgentError as error:
        return await _record(services, job, occurrence, from_error(error, occurrence.due_at, now), now)


async def _send(
    services: Services, job: JobContext, occurrence: Occurrence, prepared: Prepared
) -> Occurrence:
    now = await services.clock.now()
    try:
        occurrence = await services.journal.record(prepared.plan_change(occurrence, now))
        signed = await sign(services, prepared)
    except AgentError as error:
        _forget_limits(job, occurrence)
        told = outrun(prepared, error, now) if isinstance(error, BudgetExceeded) else error
        refused = from_error(told, occurrence.due_at, now)
        return await _record(services, job, occurrence, refused, now)
    occurrence, journaled = await append(services, occurrence, signed)
    after = await submit(services, job.chain.bundlers[0], occurrence, journaled)
    if job.chain.kept_limits is not None:
        job.chain.kept_limits.heed(after)
    return after


def _forget_limits(job: JobContext, occurrence: Occurrence) -> None:
    if job.chain.kept_limits is not None:
        job.chain.kept_limits.forget(occurrence.account)


async def _record(
    services: Services, job: JobContext, occurrence: Occurrence, why: NotNow, now: Timestamp
) -> Occurrence:
    if why.event in (Event.SKIP, Event.GIVE_UP) and job.kind.repeat_safe and occurrence.attempt:
        # What an earlier attempt signed may pay yet: it is followed until nothing can change any more.
        occurrence = await _claimed(services, occurrence, now)
        try:
            done = await booked(services, job, occurrence) if occurrence.state is State.CLAIMED else None
            if done is not None:
                return done
            await require_closed(services, job, occurrence)
        except AgentError as error:
            why = from_error(error, occurrence.due_at, now)
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
        facts=why.facts,
    )
    return await services.journal.record(change)


def _grace_ended(occurrence: Occurrence) -> NotNow:
    last = f"; last reason: {occurrence.reason}" if occurrence.reason else ""
    return NotNow(Event.GIVE_UP, occurrence.code or "grace_ended", f"the grace period ended{last}")
