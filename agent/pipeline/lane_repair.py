"""Fill a gap of a lane with the very bytes that were signed for it: nothing new is ever signed there.

A run of a kind that is safe to repeat goes on to the next sequence before its failure is final. When a reorg
takes the failure back, what is signed behind it cannot land until the old operation has.
"""

import structlog

from agent.domain.errors import JobPaused
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import JobContext, Services, scopes_of
from agent.pipeline.disposition import QUIET_S, disposition
from agent.pipeline.earlier import sequence_at
from agent.pipeline.stale import is_stale
from agent.pipeline.submit import sent_once, signed_under
from agent.ports import Bundler

log = structlog.get_logger()


async def missing(
    services: Services, job: JobContext, occurrence: Occurrence, sequence: int
) -> JournaledOperation | None:
    """Return what the run has signed last for a sequence that the lane lacks.

    Never another run's: where a person ended one, its payment is not to go out any more.
    """
    if not job.kind.repeat_safe:
        return None
    signed = await services.journal.operations(occurrence.id)
    found = [item for item in signed if item.nonce == Nonce(job.nonce_key, sequence)]
    return found[-1] if found else None


async def fill(services: Services, job: JobContext, occurrence: Occurrence, sequence: int) -> dict[str, str]:
    """Send what the lane lacks again for a run that has nothing signed; return what to note of it."""
    operation = await missing(services, job, occurrence, sequence)
    if operation is None or (await services.journal.job(occurrence.job_id)).paused:
        return {}
    head, now = await job.chain.agreed.block("latest"), await services.clock.now()
    if is_stale(head.timestamp, now, job.chain.max_head_age_s):
        return {}
    try:
        _refuse(services, job, operation)
    except JobPaused:
        return {}
    bundler = _bundler(job, occurrence)
    answer = await _sent(services, bundler, occurrence, operation)
    return _facts(bundler, operation) | {"answer": answer}


async def filled(services: Services, job: JobContext, occurrence: Occurrence) -> Occurrence | None:
    """Send what the lane lacks below a signed run again; None when nothing is missing.

    Raises JobPaused, StoreUnavailable and ChainUnavailable.
    """
    if not job.kind.repeat_safe or occurrence.nonce is None:
        return None
    sequence = await sequence_at(job, await job.chain.agreed.block("latest"))
    if sequence >= occurrence.nonce.sequence:
        return None
    operation = await missing(services, job, occurrence, sequence)
    if operation is None:
        return None
    _refuse(services, job, operation)
    return await _refilled(services, job, occurrence, operation)


async def _refilled(
    services: Services, job: JobContext, occurrence: Occurrence, operation: JournaledOperation
) -> Occurrence:
    bundler, now = _bundler(job, occurrence), await services.clock.now()
    send = change_of(
        occurrence,
        Event.SEND,
        now,
        permission_id=signed_under(operation),
        facts=_facts(bundler, operation),
    )
    after = await services.journal.record(send)
    answer = await _sent(services, bundler, after, operation)
    # Its own last code stays: what is said here is said of another operation.
    later = Timestamp(await services.clock.now() + QUIET_S)
    facts = {"answer": answer}
    return await services.journal.record(change_of(after, Event.ANSWER, now, not_before=later, facts=facts))


def _refuse(services: Services, job: JobContext, operation: JournaledOperation) -> None:
    """Raise Held where a kill or a hold stops what is to be sent."""
    permission = signed_under(operation)
    services.gate.refuse(scopes_of(job, *(() if permission is None else (permission,))))


async def _sent(
    services: Services, bundler: Bundler, occurrence: Occurrence, operation: JournaledOperation
) -> str:
    async with services.sends:
        answer = await sent_once(services, bundler, occurrence, operation)
    code = disposition(answer).code
    log.warning("lane_gap_filled", sequence=operation.nonce.sequence, answer=code)
    return code


def _bundler(job: JobContext, occurrence: Occurrence) -> Bundler:
    # The job's own, turn by turn: the journal's version grows with every send and answer.
    return job.chain.bundlers[occurrence.version // 2 % len(job.chain.bundlers)]


def _facts(bundler: Bundler, operation: JournaledOperation) -> dict[str, str]:
    sequence = str(operation.nonce.sequence)
    return {"bundler": bundler.name, "user_op_hash": str(operation.user_op_hash), "fills": sequence}
