"""What an operation can cost at most."""

from agent.domain.units import Gas, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.version import EntryPointVersion


def gas_limit_total(op: UserOperation) -> Gas:
    """Sum every gas limit the operation declares (EntryPoint 0.7 and 0.8)."""
    payer = op.paymaster
    paymaster_gas = 0
    if payer is not None:
        paymaster_gas = payer.paymaster_verification_gas_limit + payer.paymaster_post_op_gas_limit
    return Gas(op.call_gas_limit + op.verification_gas_limit + op.pre_verification_gas + paymaster_gas)


def gas_limit_total_v06(op: UserOperation) -> Gas:
    """Sum the gas EntryPoint 0.6 takes in advance: with a paymaster, verification counts three times."""
    verifications = 1 if op.paymaster is None else 3
    return Gas(op.call_gas_limit + verifications * op.verification_gas_limit + op.pre_verification_gas)


def worst_case_cost_wei(op: UserOperation, version: EntryPointVersion = EntryPointVersion.V07) -> Wei:
    """Return the prefund in wei (EntryPoint `_getRequiredPrefund`): all declared gas at the maximum fee."""
    gas = gas_limit_total_v06(op) if version is EntryPointVersion.V06 else gas_limit_total(op)
    return Wei(gas * op.max_fee_per_gas)
