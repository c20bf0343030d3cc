"""A policy of a session, made of what it says and read back."""

from collections.abc import Callable
from typing import Any

from agent.domain.session import PolicyData
from agent.domain.units import Address
from agent.smart_sessions.guards import Config, decoded
from agent.smart_sessions.policies import (
    UnknownPolicy,
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
from agent.smart_sessions.policies.arg import ArgRules
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit

SUDO = PolicyData(sudo.ADDRESS, b"")
"""SudoPolicy of Smart Sessions: allows everything, so a session should have it nowhere."""

_ENCODERS: dict[type, tuple[Address, Callable[[Any], bytes]]] = {
    SpendingLimits: (erc20_spending_limit.ADDRESS, erc20_spending_limit.encode),
    SimpleGas: (simple_gas.ADDRESS, simple_gas.encode),
    TimeFrame: (time_frame.ADDRESS, time_frame.encode),
    UniAction: (uni_action.ADDRESS, uni_action.encode),
    ArgRules: (arg.ADDRESS, arg.encode),
    UsageLimit: (usage_limit.ADDRESS, usage_limit.encode),
    ValueLimit: (value_limit.ADDRESS, value_limit.encode),
    ContractWhitelist: (contract_whitelist.ADDRESS, contract_whitelist.encode),
}
"""The current deployment of each policy contract."""


def policy_data(config: Config) -> PolicyData:
    """Return the policy contract for this configuration with its init data, as it stands in a session.

    Raise ValueError for a configuration the contract refuses or could never judge. The encodings are those
    of the policy contracts of Smart Sessions.
    """
    address, encode = _ENCODERS[type(config)]
    return PolicyData(address, encode(config))


def policy_config(data: PolicyData) -> Config | None:
    """Return what a policy of a session says; None for SudoPolicy, which says nothing.

    Raise UnknownPolicy for a contract the agent does not know, ValueError for init data that does not decode.
    Of TimeFrame and Sudo the earlier deployments are known too, each in its own encoding.
    """
    if data.policy in (sudo.ADDRESS, sudo.LEGACY_ADDRESS):
        return None
    config = decoded(data.policy, data.init_data)
    if config is None:
        raise UnknownPolicy(data.policy)
    return config
