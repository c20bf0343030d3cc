"""Fill a gap of a lane with the very bytes that were signed for it: nothing new is ever signed there.

A run of a kind that is safe to repeat goes on to the next sequence before its failure is final. When a reorg
takes the failure back, what is signed behind it cannot land until the old operation has.
"""

from dataclasses import dataclass

import structlog

from agent.domain.errors import Held, JobPaused
from agent.domain.hold import Scope
from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event
from agent.domain.units import Hash32, Timestamp
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


@dataclass(frozen=True, slots=True)
class Gap:
    """What a lane lacks, and whom it goes to."""

    bundler: Bundler
    operation: JournaledOperation

    @property
    def facts(self) -> dict[str, str]:
        """For the entry that stands before the send."""
        operation, sequence = self.operation, self.operation.nonce.sequence
        names = {"bundler": self.bundler.name, "user_op_hash": str(operation.user_op_hash)}
        return names | {"fills": str(sequence)}


async def gap_at(services: Services, job: JobContext, occurrence: Occurrence, sequence: int) -> Gap | None:
    """Return what goes out again for a run that has nothing signed; None where nothing may now.

    Its facts are journaled before `fill` sends it.
    """
    operation = await missing(services, job, occurrence, sequence)
    if operation is None:
        return None
    head, now = await job.chain.agreed.block("latest"), await services.clock.now()
    if is_stale(head.timestamp, now, job.chain.max_head_age_s):
        return None
    try:
        await _require_free(services, job, operation)
    except JobPaused:
        return None
    return Gap(_bundler(job, occurrence), operation)


async def fill(services: Services, job: JobContext, occurrence: Occurrence, gap: Gap) -> None:
    """Send what the lane lacks, after its entry, unless something stops it by then.

    No event leads from this run to a send, so its answer is logged and not journaled: whatever it was, the
    same bytes go again as long as the lane lacks them.
    """
    async with services.sends:
        try:
            # The journal refuses what leads to a send; of this one it does not know, so it is asked.
            await _require_free(services, job, gap.operation)
        except JobPaused as error:
            log.info("lane_gap_left", sequence=gap.operation.nonce.sequence, reason=str(error))
            return
        await _sent(services, occurrence, gap)


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
    services.gate.refuse(_scopes(job, operation))
    return await _refilled(services, occurrence, Gap(_bundler(job, occurrence), operation))


async def _refilled(services: Services, occurrence: Occurrence, gap: Gap) -> Occurrence:
    async with services.sends:
        now = await services.clock.now()
        send = change_of(
            occurrence, Event.SEND, now, permission_id=signed_under(gap.operation), facts=gap.facts
        )
        after = await services.journal.record(send)
        answer = await _sent(services, after, gap)
    # Its own last code stays: what is said here is said of another operation.
    now = await services.clock.now()
    later, facts = Timestamp(now + QUIET_S), {"answer": answer}
    return await services.journal.record(change_of(after, Event.ANSWER, now, not_before=later, facts=facts))


async def _require_free(services: Services, job: JobContext, operation: JournaledOperation) -> None:
    """Raise JobPaused where a pause, a kill or a hold stops what is to be sent, by journal and gate."""
    row, holds = await services.journal.job(job.definition.id), await services.journal.holds()
    if row.paused:
        raise JobPaused(f"job {job.definition.id} is paused")
    held = {hold.scope: hold for hold in holds}
    # Of bytes that do not say whose they are, any session of the job may be.
    scopes = _scopes(job, operation, row.enrolment.sessions)
    services.gate.refuse(scopes)
    for hold in filter(None, map(held.get, scopes)):
        raise Held(str(hold.scope), hold.code, hold.reason)


def _scopes(
    job: JobContext, operation: JournaledOperation, sessions: tuple[Hash32, ...] = ()
) -> tuple[Scope, ...]:
    permission = signed_under(operation)
    return scopes_of(job, *(sessions if permission is None else (permission,)))


async def _sent(services: Services, occurrence: Occurrence, gap: Gap) -> str:
    code = disposition(await sent_once(services, gap.bundler, occurrence, gap.operation)).code
    log.warning("lane_gap_filled", sequence=gap.operation.nonce.sequence, answer=code)
    return code


def _bundler(job: JobContext, occurrence: Occurrence) -> Bundler:
    # The job's own, turn by turn: the journal's version grows with every send and answer.
    return job.chain.bundlers[occurrence.version // 2 % len(job.chain.bundlers)]
