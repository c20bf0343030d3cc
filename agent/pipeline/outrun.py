"""Tell what the journal refused: others reserved the room between the decision and the reservation. Pure."""

from agent.domain.budget import JOB, LimitKey, Violation, permission_of
from agent.domain.errors import BudgetExceeded
from agent.domain.job_caps import JobCapKey, JobCapReached
from agent.domain.units import Address, Timestamp
from agent.pipeline.prepare import Prepared
from agent.pipeline.refusal import PreflightError
from agent.smart_sessions.policies import POLICIES, erc20_spending_limit, simple_gas, usage_limit, value_limit

_UNITS = {
    (usage_limit.ADDRESS, ""): "uses",
    (value_limit.ADDRESS, ""): "wei",
    (simple_gas.ADDRESS, simple_gas.GAS): "gas",
    (simple_gas.ADDRESS, simple_gas.COST): "wei",
}


def outrun(
    prepared: Prepared, error: BudgetExceeded, now: Timestamp
) -> BudgetExceeded | JobCapReached | PreflightError:
    """Return the refusal with the numbers of the limit; that of a paymaster's limit as it came."""
    if error.limit_key.startswith(JOB):
        definition, name = prepared.job.definition, JobCapKey.parse(error.limit_key).cap
        (cap,) = (cap for cap in prepared.job.kind.caps(definition.spec) if cap.name == name)
        # Decided anew when its turn comes: what outran it may come to nothing.
        return JobCapReached(cap, error.needed, error.left, now)
    if permission_of(error.limit_key) is None:
        return error
    (item,) = (item for item in prepared.priced.consumption if item.limit_key == error.limit_key)
    key = LimitKey.parse(error.limit_key)
    token = Address.parse(key.part) if key.policy == erc20_spending_limit.ADDRESS else None
    violation = Violation(
        error.code,
        error.remedy,
        key.policy,
        key.config_id,
        key.part,
        error.needed,
        error.left,
        rule=POLICIES[key.policy].name if key.policy in POLICIES else "",
        target=token,
        unit="token" if token else _UNITS.get((key.policy, key.part), "argument"),
        limit=item.limit,
        used=item.used,
        reserved=item.limit - item.used - error.left,
    )
    return PreflightError((violation,), prepared.job.chain.tokens)
