"""Make an operation out of a plan: nonce, calls and a stub signature, no gas yet. Pure."""

from agent.domain.occurrence import Nonce, Occurrence
from agent.domain.operation import DraftOperation, Plan
from agent.domain.units import Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.pipeline.context import JobContext
from agent.smart_sessions.signature import use_signature

STUB_INNER_SIGNATURE = bytes.fromhex(
    "b4d8aa580d8befeda7a73aed101e34ff8385da94fd4c2dfbadb11f3ef62edcd3"
    "6c5263eba18b60349b39a96bfba0ebc57ae5ca0676e3a5c4b37dd6d92080f8cc"
    "1b"
)
"""A well-formed signature by no key of ours: validators revert on one that cannot be recovered."""
UNKNOWN_GAS = Gas(0)
UNKNOWN_FEE = Wei(0)


def build(job: JobContext, occurrence: Occurrence, plan: Plan, nonce: Nonce) -> DraftOperation:
    """Return the draft of the occurrence's next attempt."""
    definition, permission_id = job.definition, job.session.permission_id
    operation = UserOperation(
        sender=definition.account,
        nonce=nonce.value,
        call_data=encode_execute(plan.calls),
        call_gas_limit=UNKNOWN_GAS,
        verification_gas_limit=UNKNOWN_GAS,
        pre_verification_gas=UNKNOWN_GAS,
        max_fee_per_gas=UNKNOWN_FEE,
        max_priority_fee_per_gas=UNKNOWN_FEE,
        signature=use_signature(permission_id, STUB_INNER_SIGNATURE),
    )
    return DraftOperation(
        occurrence_id=occurrence.id,
        attempt=occurrence.attempt + 1,
        chain_id=definition.chain_id,
        entry_point=job.chain.entry_point,
        permission_id=permission_id,
        nonce=nonce,
        plan=plan,
        operation=operation,
    )
