"""Sign a priced operation with the session's keys, and prove the signature before anybody uses it."""

from agent.domain.errors import Bug
from agent.domain.operation import PricedOperation, SignedOperation, with_signature
from agent.domain.units import Hash32
from agent.domain.user_operation import UserOperation
from agent.erc4337.user_op_hash import user_op_hash
from agent.pipeline.context import JobContext, SessionContext
from agent.pipeline.prepare import Prepared
from agent.pipeline.validate import require_valid, validate
from agent.smart_sessions.signature import use_signature

INNER_OFFSET = 33
"""Of the owner's own signature: behind the mode byte and the permission id."""


async def sign(job: JobContext, prepared: Prepared) -> SignedOperation:
    """Return the signed operation after SmartSession itself has accepted it.

    Raises EntryPointRejected when it has not, Bug when the signature is not the session's owner's.
    """
    operation, op_hash = await signed_operation(job, prepared.priced)
    answer = await validate(job, operation, op_hash, prepared.block)
    require_valid(answer, prepared.block.timestamp)
    return SignedOperation(prepared.priced, operation, op_hash, answer.valid_until)


async def signed_operation(job: JobContext, priced: PricedOperation) -> tuple[UserOperation, Hash32]:
    """Return the operation with its session signature, and its hash; raises Bug when others signed."""
    operation, op_hash = await unproven_operation(job, priced)
    prove(job.session, op_hash, operation.signature[INNER_OFFSET:])
    return operation, op_hash


async def unproven_operation(job: JobContext, priced: PricedOperation) -> tuple[UserOperation, Hash32]:
    """Return what `signed_operation` returns once it is proven."""
    draft, session = priced.draft, job.session
    op_hash = user_op_hash(priced.operation, draft.entry_point, draft.chain_id, job.chain.version)
    parts = {}
    for signer in session.signers:
        key = signer.address
        parts[key] = await signer.sign_hash(session.owner.digest(op_hash, key))
    inner = session.owner.assemble(op_hash, parts)
    return with_signature(priced.operation, use_signature(draft.permission_id, inner)), op_hash


def prove(session: SessionContext, op_hash: Hash32, inner: bytes) -> None:
    """Verify who signed the hash; raise Bug when it is not the session's owner."""
    try:
        session.owner.prove(op_hash, inner)
    except ValueError as error:
        raise Bug(f"session {session.name}: {error}") from error
