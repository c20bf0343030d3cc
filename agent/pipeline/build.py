"""Make an operation out of a plan: nonce, calls and a stub signature, no gas yet. Pure."""

from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import DraftOperation, Plan
from agent.domain.units import Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.pipeline.context import JobContext
from agent.pipeline.session_signature import session_signature
from agent.smart_sessions.digest import Mode

UNKNOWN_GAS = Gas(0)
UNKNOWN_FEE = Wei(0)


def build(
    job: JobContext, occurrence: Occurrence, plan: Plan, nonce: Nonce, mode: Mode = Mode.USE
) -> DraftOperation:
    """Return the draft of the occurrence's next attempt; in another mode than USE it enables its session."""
    definition, permission_id = job.definition, job.session.permission_id
    # By position, in the order of the records' fields: names cost as much as encoding the calls.
    operation = UserOperation(
        definition.account,
        nonce.value,
        encode_execute(plan.calls),
        UNKNOWN_GAS,
        UNKNOWN_GAS,
        UNKNOWN_GAS,
        UNKNOWN_FEE,
        UNKNOWN_FEE,
        None,
        b"",
        None,
        session_signature(job.session, mode, job.session.owner.stub),
    )
    return DraftOperation(
        occurrence.id,
        occurrence.attempt + 1,
        definition.chain_id,
        job.chain.entry_point,
        permission_id,
        nonce,
        plan,
        operation,
    )
