"""Go on with an operation that was sent and is out of sight: as it is, with higher fees, or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from agent.domain.errors import JobPaused, Refused, Rejected, StoreUnavailable, Unavailable
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event, State
from agent.domain.units import Timestamp
from agent.pipeline.cancel import NoCancel, cancelled
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services, scopes_of
from agent.pipeline.disposition import LATER_S
from agent.pipeline.ladder import Wish, wish
from agent.pipeline.refusal import NotNow
from agent.pipeline.replace import GasRefused, raised, terms_of
from agent.pipeline.replan import PlansRefused, replanned
from agent.pipeline.submit import submit
from agent.ports import Bundler

log = structlog.get_logger()
Sendable = tuple[Occurrence, JournaledOperation]
SPENT = "deadline_over"
"""Code of a run whose newest operation can only revert, while nothing takes its place."""


@dataclass(frozen=True, slots=True)
class OutOfSight:
    """A run of which nothing is known, and everything signed for its nonce."""

    occurrence: Occurrence
    operations: Sequence[JournaledOperation]
    chain_time: Timestamp
    """The head's."""

    @property
    def newest(self) -> JournaledOperation:
        return self.operations[-1]

    @property
    def is_spent(self) -> bool:
        """Whether the newest operation can only revert."""
        return self.newest.is_spent(self.chain_time)


async def go_on(services: Services, bundler: Bundler, job: JobContext, lost: OutOfSight) -> Occurrence | None:
    """Send what is due for a run that nothing is known of; None when its job may send nothing now.

    Whatever stands against new bytes, the newest signed ones go again: only a cancel that somebody waits
    for is not crossed by the payment itself, and what can only revert is not sent.
    """
    try:
        due = await _due(services, job, lost)
        # Before nodes and bundlers are asked anything for it.
        cancels = due is Wish.CANCEL or lost.newest.cancels
        services.gate.refuse(scopes_of(job), cancels=cancels)
        if due is Wish.CANCEL:
            return await _cancel(services, bundler, job, lost)
        if due is Wish.HOLD:
            occurrence = lost.occurrence
            return await _note(services, occurrence, Event.HOLD, occurrence.code, occurrence.reason)
        if due is Wish.REPLAN:
            return await _replan(services, bundler, job, lost)
        newest, why_not = await _newest(services, job, lost)
        return await submit(services, bundler, *newest, why_not)
    except JobPaused:
        return None
    except (GasRefused, PlansRefused) as error:
        return await _note(services, lost.occurrence, Event.HOLD, error.code, f"{error}; {error.remedy}")


async def _due(services: Services, job: JobContext, lost: OutOfSight) -> Wish:
    occurrence = lost.occurrence
    if occurrence.state is not State.SENT:
        return Wish.SAME
    now = await services.clock.now()
    return wish(lost.operations, occurrence.code, terms_of(job, occurrence), now, lost.chain_time)


async def _newest(services: Services, job: JobContext, lost: OutOfSight) -> tuple[Sendable, dict[str, str]]:
    same = lost.occurrence, lost.newest
    if lost.occurrence.state is not State.SENT:
        return same, {}
    try:
        found = await raised(services, job, lost.occurrence, lost.operations)
    except (JobPaused, StoreUnavailable, GasRefused):
        raise
    except (Refused, Rejected, Unavailable) as error:
        log.warning("not_raised", occurrence=lost.occurrence.id, code=error.code, reason=str(error))
        return same, {"not_raised": f"{error.code}: {error}"}
    return found or same, {}


async def _replan(
    services: Services, bundler: Bundler, job: JobContext, lost: OutOfSight
) -> Occurrence | None:
    """Send new calls on the nonce; where there are none the same ones, unless their time is over."""
    occurrence = lost.occurrence
    try:
        found = await replanned(services, job, occurrence, lost.operations)
    except (JobPaused, StoreUnavailable, PlansRefused):
        raise
    except (Refused, Rejected, Unavailable) as error:
        log.warning("not_replanned", occurrence=occurrence.id, code=error.code, reason=str(error))
        why_not = f"{error.code}: {error}"
    else:
        if isinstance(found, tuple):
            return await submit(services, bundler, *found)
        if lost.is_spent and isinstance(found, NotNow) and found.event is Event.SKIP:
            return await _cancel(services, bundler, job, lost)
        why_not = f"{found.code}: {found.reason}" if found else "the job wants the very same calls"
    if lost.is_spent:
        return await _note(services, occurrence, Event.ANSWER, SPENT, f"its deadline is over; {why_not}")
    return await submit(services, bundler, occurrence, lost.newest, {"not_replanned": why_not})


async def _cancel(services: Services, bundler: Bundler, job: JobContext, lost: OutOfSight) -> Occurrence:
    occurrence = lost.occurrence
    try:
        after, operation = await cancelled(services, job, occurrence, lost.operations)
    except (JobPaused, StoreUnavailable):
        raise
    except NoCancel as error:
        return await _note(services, occurrence, Event.HOLD, error.code, f"{error}; {error.remedy}")
    except (Refused, Rejected, Unavailable) as error:
        log.warning("not_cancelled", occurrence=occurrence.id, code=error.code, reason=str(error))
        return await _note(services, occurrence, Event.ANSWER, CANCEL_ASKED, f"{error.code}: {error}")
    return await submit(services, bundler, after, operation)


async def _note(
    services: Services, occurrence: Occurrence, event: Event, code: str, reason: str
) -> Occurrence:
    now = await services.clock.now()
    later = Timestamp(now + LATER_S)
    return await services.journal.record(
        change_of(occurrence, event, now, code=code, reason=reason, not_before=later)
    )
