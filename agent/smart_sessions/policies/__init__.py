"""The policies the agent knows, by contract address: two generations exist, so a name is not enough."""

from agent.domain.units import Address
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg import ArgPolicy
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelistPolicy
from agent.smart_sessions.policies.erc20_spending_limit import ERC20SpendingLimitPolicy
from agent.smart_sessions.policies.policy import Policy
from agent.smart_sessions.policies.simple_gas import SimpleGasPolicy
from agent.smart_sessions.policies.sudo import SudoPolicy
from agent.smart_sessions.policies.time_frame import TimeFramePolicy
from agent.smart_sessions.policies.uni_action import UniActionPolicy
from agent.smart_sessions.policies.usage_limit import UsageLimitPolicy
from agent.smart_sessions.policies.value_limit import ValueLimitPolicy

_KNOWN: tuple[Policy, ...] = (
    SudoPolicy(sudo.ADDRESS),
    ERC20SpendingLimitPolicy(erc20_spending_limit.ADDRESS),
    TimeFramePolicy(time_frame.ADDRESS, time_frame.decode),
    TimeFramePolicy(time_frame.LEGACY_ADDRESS, time_frame.decode_legacy),
    UsageLimitPolicy(usage_limit.ADDRESS),
    ValueLimitPolicy(value_limit.ADDRESS),
    UniActionPolicy(uni_action.ADDRESS),
    ArgPolicy(arg.ADDRESS),
    ContractWhitelistPolicy(contract_whitelist.ADDRESS),
    SimpleGasPolicy(simple_gas.ADDRESS),
)

POLICIES: dict[Address, Policy] = {policy.address: policy for policy in _KNOWN}


class UnknownPolicy(ValueError):
    """A session names a policy contract whose rules the agent does not know."""

    code = "policy_unknown"

    def __init__(self, address: Address) -> None:
        super().__init__(f"policy {address} is unknown: its rules cannot be checked")
        self.address = address


def policy_at(address: Address) -> Policy:
    """Return the policy at this address; raise UnknownPolicy."""
    policy = POLICIES.get(address)
    if policy is None:
        raise UnknownPolicy(address)
    return policy
