"""Ask the exact model of the session, fed with the chain's counters and our reservations."""

from agent.domain.budget import Blocked, Consumption
from agent.domain.user_operation import UserOperation
from agent.pipeline.context import JobContext, Services
from agent.pipeline.refusal import PreflightError
from agent.ports import Block, CallFailed, ChainReader
from agent.smart_sessions.grant import Counters, Grant, counters, reads
from agent.smart_sessions.preflight import preflight as decide


async def preflight(
    services: Services, job: JobContext, operation: UserOperation, block: Block
) -> tuple[Consumption, ...]:
    """Return what the operation may use of each limit; raises PreflightError with every violation."""
    grant = grant_of(job)
    seen = await read_counters(job.chain.reader, grant, block)
    reserved = await services.journal.reserved({grant.chain_id: block.number})
    verdict = decide(grant, seen, reserved, operation, block.timestamp)
    if isinstance(verdict, Blocked):
        raise PreflightError(verdict.violations)
    return verdict.consumption


async def read_counters(chain: ChainReader, grant: Grant, block: Block) -> Counters:
    """Return what the chain says of a grant at one block."""
    answers = await chain.calls(reads(grant), block.number)
    return counters(grant, [None if isinstance(item, CallFailed) else item for item in answers])


def grant_of(job: JobContext) -> Grant:
    """Return the job's session as it lives on its account."""
    session = job.session
    return Grant(
        job.definition.chain_id,
        session.smart_session,
        job.definition.account,
        session.permission_id,
        session.session,
    )
