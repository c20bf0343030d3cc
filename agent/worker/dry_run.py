"""What the worker would do now: every check runs, nothing is written, signed or sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.budget import Violation
from agent.domain.errors import AgentError
from agent.domain.occurrence import Occurrence
from agent.domain.operation import PricedOperation
from agent.domain.units import Timestamp
from agent.pipeline.context import JobContext, Services, scopes_of
from agent.pipeline.prepare import Prepared, prepare
from agent.pipeline.refusal import NotNow, PreflightError, from_error


@dataclass(frozen=True, slots=True)
class WouldSend:
    """The operation that a live run would sign now, and what each limit would have left."""

    occurrence: Occurrence
    priced: PricedOperation


@dataclass(frozen=True, slots=True)
class WouldNot:
    """Why a live run would send nothing, with every rule that objects."""

    occurrence: Occurrence
    answer: NotNow
    violations: tuple[Violation, ...] = ()


Rehearsal = WouldSend | WouldNot


async def rehearse(services: Services, jobs: Mapping[str, JobContext], occurrence: Occurrence) -> Rehearsal:
    """Decide one occurrence as a live run would; `services` hold a journal that keeps nothing."""
    now = await services.clock.now()
    job = jobs[occurrence.job_id]
    try:
        services.gate.learn(await services.journal.holds())
        services.gate.refuse(scopes_of(job))
        prepared = await prepare(services, job, occurrence, now)
    except AgentError as error:
        return _refused(occurrence, error, now)
    if isinstance(prepared, Prepared):
        return WouldSend(occurrence, prepared.priced)
    return WouldNot(occurrence, prepared)


def _refused(occurrence: Occurrence, error: AgentError, now: Timestamp) -> WouldNot:
    violations = error.violations if isinstance(error, PreflightError) else ()
    return WouldNot(occurrence, from_error(error, occurrence.due_at, now), violations)
