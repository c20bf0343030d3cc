"""Make the calls of a signed operation anew, on its nonce: those it has revert, or their time is over.

Whichever of them lands takes the nonce, so at most one of them does anything.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from agent.domain.budget import Consumption
from agent.domain.errors import AgentError, Refused
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, Plan, with_gas
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.pipeline.context import JobContext, Services
from agent.pipeline.ladder import MOST_REPLANS, fees_of, has_plans_enough
from agent.pipeline.preflight import cleared, look
from agent.pipeline.prepare import planned
from agent.pipeline.price import with_margins, with_owner
from agent.pipeline.refusal import NotNow
from agent.pipeline.replace import (
    Waiting,
    at_rung,
    climbed,
    signed_anew,
    terms_of,
    through_gate,
    under_its_session,
)
from agent.ports import Block

log = structlog.get_logger()


class KindFailed(Refused):
    """The kind's own code broke: a bug of it stops no other run of the chain."""

    code = "internal_error"


class PlansRefused(Refused):
    """What the job wants reverts in simulation, however often its calls are made anew."""

    code = "plans_refused"
    remedy = "see why it reverts: sessionkeeper runs show; then runs release, or runs cancel"


async def replanned(
    services: Services, job: JobContext, occurrence: Occurrence, operations: Sequence[JournaledOperation]
) -> tuple[Occurrence, JournaledOperation] | NotNow | None:
    """Return the run with an operation of new calls, journaled; what was signed before may still land.

    None where the kind wants the very calls that are signed, NotNow where it wants none now.
    Raises PlansRefused; AtCap, PreflightError, BudgetExceeded, JobCapReached, SessionGone, JobPaused,
    BundlerRejected, EntryPointRejected, Unavailable: then nothing new is signed.
    """
    newest = operations[-1]
    block = await job.chain.agreed.block("latest")
    found = await _wanted(services, job, occurrence, block)
    if isinstance(found, NotNow):
        return found
    plan, taken = found
    if encode_execute(plan.calls) == newest.operation.call_data:
        return None
    if has_plans_enough(operations):
        raise PlansRefused(f"its calls were made anew {MOST_REPLANS} times: {occurrence.reason}")
    waiting = Waiting(under_its_session(job, newest), occurrence, newest, block)
    keeps_a_rung = terms_of(job, occurrence).cancels

    async def asked() -> UserOperation:
        operation = replace(newest.operation, call_data=encode_execute(plan.calls))
        operation = await _estimated(services, waiting, operation)
        return at_rung(operation, await climbed(waiting, operation, keeps_a_rung=keeps_a_rung))

    operation = await through_gate(services, waiting, asked, cancels=False)
    return await signed_anew(services, waiting, operation, cancels=False, plan=plan, taken=taken)


async def _wanted(
    services: Services, job: JobContext, occurrence: Occurrence, block: Block
) -> tuple[Plan, tuple[Consumption, ...]] | NotNow:
    now = await services.clock.now()
    try:
        return await planned(services, job, occurrence, now, block)
    except AgentError:
        raise
    except Exception as error:
        log.exception("kind_failed", job=job.definition.id, occurrence=occurrence.id)
        # Its text may quote what a peer said, and it is journaled: the log masks secrets.
        raise KindFailed("an unexpected error, see the log") from error


async def _estimated(services: Services, waiting: Waiting, operation: UserOperation) -> UserOperation:
    job, newest = waiting.job, waiting.newest
    (seen,) = await look(services, job, waiting.block, besides=waiting.occurrence.id)
    # Before the bundler is asked: its estimate fails on a policy's no too, and names none.
    cleared(seen, operation, waiting.block)
    estimate = await job.chain.bundlers[0].estimate(operation, newest.entry_point)
    return with_gas(
        operation,
        with_margins(with_owner(estimate, job.session.owner.verification_gas)),
        fees_of(newest.operation),
    )
