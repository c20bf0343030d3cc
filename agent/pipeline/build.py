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


def build(job: JobContext, occurrence: Occurrence, plan: Plan, nonce: Nonce) -> DraftOperation:
    """Return the draft of the occurrence's next attempt."""
    operation = UserOperation(
        sender=job.definition.account,
        nonce=nonce.value,
        call_data=encode_execute(plan.calls),
        call_gas_limit=Gas(0),
        verification_gas_limit=Gas(0),
        pre_verification_gas=Gas(0),
        max_fee_per_gas=Wei(0),
        max_priority_fee_per_gas=Wei(0),
        signature=use_signature(job.session.permission_id, STUB_INNER_SIGNATURE),
    )
    return DraftOperation(
        occurrence_id=occurrence.id,
        attempt=occurrence.attempt + 1,
        chain_id=job.definition.chain_id,
        entry_point=job.chain.entry_point,
        permission_id=job.session.permission_id,
        nonce=nonce,
        plan=plan,
        operation=operation,
    )
