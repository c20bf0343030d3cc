"""Sign a priced operation with the session's keys, and prove the signature before anybody uses it."""

from agent.domain.errors import Bug
from agent.domain.operation import PricedOperation, SignedOperation, with_signature
from agent.domain.units import Hash32, Timestamp
from agent.domain.user_operation import UserOperation
from agent.erc4337.user_op_hash import user_op_hash
from agent.pipeline.context import JobContext, Services, SessionContext, scopes_of
from agent.pipeline.prepare import Prepared
from agent.pipeline.session_signature import session_signature
from agent.pipeline.validate import ValidationData, ask_module, require_valid
from agent.smart_sessions.signature import mode_of
from agent.smart_sessions.signature_decoding import decode_signature


async def sign(services: Services, prepared: Prepared) -> SignedOperation:
    """Return the operation, signed under the chosen session, after SmartSession itself has accepted it.

    Raises EntryPointRejected when it has not, Held when a kill stops it, even midway, Bug when the signature
    is not the session's owner's.
    """
    job, priced = prepared.job, prepared.priced
    scopes = scopes_of(job, job.session.permission_id)

    async def signed_and_asked() -> tuple[UserOperation, Hash32, ValidationData]:
        operation, op_hash = await signed_operation(job, priced)
        # Inside the gate too: what a node is asked holds the signature. Its answer says when the operation
        # is void, so enough nodes must give it.
        module = job.session.smart_session
        answer = await ask_module(job.chain.agreed, module, operation, op_hash, prepared.block)
        return operation, op_hash, answer

    operation, op_hash, answer = await services.gate.through(
        scopes, signed_and_asked, cancels=priced.draft.cancels
    )
    require_valid(answer, prepared.block.timestamp)
    return SignedOperation(
        prepared.priced, operation, op_hash, void_after(prepared.priced, answer.valid_until)
    )


def void_after(priced: PricedOperation, session_ends: Timestamp | None) -> Timestamp | None:
    """Return the last second of the operation: its session's, or its paymaster's if that is earlier."""
    sponsor_ends = None if priced.sponsorship is None else priced.sponsorship.valid_until
    return min((end for end in (session_ends, sponsor_ends) if end is not None), default=None)


async def signed_operation(job: JobContext, priced: PricedOperation) -> tuple[UserOperation, Hash32]:
    """Return the operation with its session signature, and its hash; raises Bug when others signed."""
    operation, op_hash = await unproven_operation(job, priced)
    prove(job.session, op_hash, decode_signature(operation.signature).inner)
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
    mode = mode_of(priced.operation.signature)
    return with_signature(priced.operation, session_signature(session, mode, inner)), op_hash


def prove(session: SessionContext, op_hash: Hash32, inner: bytes) -> None:
    """Verify who signed the hash; raise Bug when it is not the session's owner."""
    try:
        session.owner.prove(op_hash, inner)
    except ValueError as error:
        raise Bug(f"session {session.name}: {error}") from error
