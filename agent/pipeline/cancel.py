"""Cancel an operation that does not land: another one on its nonce that moves nothing."""

from collections.abc import Sequence
from dataclasses import replace

from agent.domain.call import Call
from agent.domain.errors import BundlerRejected, Refused
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, with_gas
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import decode_execute, encode_execute
from agent.pipeline.context import JobContext, Services
from agent.pipeline.ladder import fees_of
from agent.pipeline.preflight import Look, cleared, look
from agent.pipeline.price import with_margins, with_owner
from agent.pipeline.refusal import PreflightError
from agent.pipeline.replace import Waiting, climbed, signed_anew, through_gate, under_its_session
from agent.smart_sessions.harmless import harmless_calls


class NoCancel(Refused):
    """The session permits no call that moves nothing."""

    code = "cannot_cancel"
    remedy = (
        "it may still land and is watched; the owner can raise the lane's nonce (EntryPoint incrementNonce); "
        "or let it go on: sessionkeeper runs release"
    )


async def cancelled(
    services: Services, job: JobContext, occurrence: Occurrence, operations: Sequence[JournaledOperation]
) -> tuple[Occurrence, JournaledOperation]:
    """Return the run with its cancel, journaled; what was signed before may still land.

    Raises NoCancel, AtCap, SessionGone, JobPaused, Rejected and Unavailable.
    """
    block = await job.chain.agreed.block("latest")
    waiting = Waiting(under_its_session(job, operations[-1]), occurrence, operations[-1], block)

    async def asked() -> UserOperation:
        operation = await _harmless(services, waiting)
        rung = await climbed(waiting, operation, keeps_a_rung=False)
        return replace(
            operation,
            max_fee_per_gas=rung.max_fee_per_gas,
            max_priority_fee_per_gas=rung.max_priority_fee_per_gas,
        )

    operation = await through_gate(services, waiting, asked, cancels=True)
    return await signed_anew(services, waiting, operation, cancels=True)


async def _harmless(services: Services, waiting: Waiting) -> UserOperation:
    job, newest = waiting.job, waiting.newest
    made = decode_execute(newest.operation.call_data)
    (seen,) = await look(services, job, waiting.block, besides=waiting.occurrence.id)
    objections: list[str] = []
    for call in harmless_calls(job.session.session, job.definition.account, made):
        try:
            return await _estimated(waiting, seen, call)
        except (PreflightError, BundlerRejected) as error:
            objections.append(str(error))
    tried = "; ".join(objections) or "it names no transfer, no approval and no plain call"
    raise NoCancel(f"session {job.session.name} permits nothing that moves nothing: {tried}")


async def _estimated(waiting: Waiting, seen: Look, call: Call) -> UserOperation:
    job, newest = waiting.job, waiting.newest
    operation = replace(newest.operation, call_data=encode_execute((call,)))
    # Before the bundler is asked: its estimate fails on a policy's no too, and names none.
    cleared(seen, operation, waiting.block)
    estimate = await job.chain.bundlers[0].estimate(operation, newest.entry_point)
    needed = with_margins(with_owner(estimate, job.session.owner.verification_gas))
    return with_gas(operation, needed, fees_of(newest.operation))
