import pytest

from agent.definitions import registry
from agent.domain.units import Address, ChainId
from agent.erc4337.version import CANONICAL_ENTRY_POINTS
from agent.smart_sessions import addresses
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from jobs import erc20

IN_CODE = {
    "entry_point_0_6": CANONICAL_ENTRY_POINTS["0.6"],  # type: ignore[index]  # a StrEnum is its text
    "entry_point_0_7": CANONICAL_ENTRY_POINTS["0.7"],  # type: ignore[index]  # a StrEnum is its text
    "entry_point_0_8": CANONICAL_ENTRY_POINTS["0.8"],  # type: ignore[index]  # a StrEnum is its text
    "multicall3": erc20.MULTICALL3,
    "smart_session": addresses.SMART_SESSION,
    "smart_session_previous": addresses.SMART_SESSION_PREVIOUS,
    "ownable_validator": addresses.OWNABLE_VALIDATOR,
    "ownable_validator_beta": addresses.OWNABLE_VALIDATOR_BETA,
    "sudo_policy": sudo.ADDRESS,
    "uni_action_policy": uni_action.ADDRESS,
    "erc20_spending_limit_policy": erc20_spending_limit.ADDRESS,
    "time_frame_policy": time_frame.ADDRESS,
    "usage_limit_policy": usage_limit.ADDRESS,
    "value_limit_policy": value_limit.ADDRESS,
    "simple_gas_policy": simple_gas.ADDRESS,
}


@pytest.mark.parametrize(("name", "address"), IN_CODE.items())
def test_registry_and_code_name_the_same_address(name: str, address: Address) -> None:
    assert registry.contracts()[name].address == address


def test_every_entry_has_its_source() -> None:
    assert all(facts.source for facts in registry.contracts().values())
    assert all(facts.source for facts in registry.chains().values())


def test_the_devnet_and_some_main_chains_are_known() -> None:
    assert {1, 10, 137, 8453, 31337, 42161} <= set(registry.chains())
    assert registry.chains()[ChainId(31337)].block_time_s == 1
