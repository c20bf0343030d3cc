"""Both deployments of each policy contract: encoded in their own form, or refused with a code."""

import pytest
from eth_abi.abi import encode

from agent.domain.budget import Blocked
from agent.domain.session import PolicyData
from agent.domain.units import Address, Timestamp
from agent.smart_sessions.compare import differences
from agent.smart_sessions.grant import counters
from agent.smart_sessions.policies import (
    POLICIES,
    UnknownPolicy,
    arg,
    contract_whitelist,
    erc20_spending_limit,
    policy_at,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.policy import Slot
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.preflight import preflight
from agent.smart_sessions.session_reads import read_plan, session_from_answers
from tests.unit.smart_sessions.chain_answers import answer, answers_of
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
    NOW,
    SPENDING,
    a_grant,
    an_action,
    an_operation,
    on_chain,
)

CURRENT = {
    "Sudo": sudo.ADDRESS,
    "UniAction": uni_action.ADDRESS,
    "Arg": arg.ADDRESS,
    "ERC20SpendingLimit": erc20_spending_limit.ADDRESS,
    "TimeFrame": time_frame.ADDRESS,
    "UsageLimit": usage_limit.ADDRESS,
    "ValueLimit": value_limit.ADDRESS,
    "SimpleGas": simple_gas.ADDRESS,
    "ContractWhitelist": contract_whitelist.ADDRESS,
}
LEGACY_IN_ITS_OWN_FORM = {"TimeFrame": "0x8177451511dE0577b911C254E9551D981C26dc72"}
LEGACY_REFUSED = {
    "Sudo": "0x0000003111cD8e92337C100F22B7A9dbf8DEE301",
    "UniAction": "0x0000006DDA6c463511C4e9B05CFc34C1247fCF1F",
    "ERC20SpendingLimit": "0x00000088D48cF102A8Cdb0137A9b173f957c6343",
    "UsageLimit": "0x1F34eF8311345A3A4a4566aF321b313052F51493",
    "ValueLimit": "0x730DA93267E7E513e932301B47F2ac7D062abC83",
    "IntentExecution": "0xe9eA54d063975cDee9e06b7636d5563d95a7A23C",
}


def test_the_known_addresses_are_these() -> None:
    own_form = [Address.parse(address) for address in LEGACY_IN_ITS_OWN_FORM.values()]
    assert set(POLICIES) == {*CURRENT.values(), *own_form}
    assert {name: POLICIES[address].name for name, address in CURRENT.items()} == {
        name: name for name in CURRENT
    }


@pytest.mark.parametrize("name", LEGACY_REFUSED)
def test_an_earlier_deployment_whose_form_is_not_known_is_refused_with_a_code(name: str) -> None:
    address = Address.parse(LEGACY_REFUSED[name])
    with pytest.raises(UnknownPolicy) as refused:
        policy_at(address)
    assert refused.value.code == "policy_unknown"

    granted = a_grant(an_action(SPENDING, PolicyData(address, b"\x01")))
    answers = answers_of(on_chain(a_grant()), granted)
    answers[2] = encode(["address[]"], [[SPENDING.policy, address]])
    verdict = preflight(granted, counters(granted, answers), {}, an_operation(), NOW)
    assert isinstance(verdict, Blocked)
    assert [(item.code, item.policy) for item in verdict.violations] == [("policy_unknown", address)]


@pytest.mark.parametrize("name", LEGACY_REFUSED)
def test_a_session_with_one_is_never_as_granted(name: str) -> None:
    address = Address.parse(LEGACY_REFUSED[name])
    granted, plain = a_grant(an_action(SPENDING, PolicyData(address, b"\x01"))), on_chain(a_grant())
    (action,) = plain.state.sessions[granted.permission_id].actions
    plain.state.sessions[granted.permission_id].actions[action].append(address)
    plan = read_plan(granted)
    found = session_from_answers(plan, [answer(plain, call) for call in plan.calls])
    assert [item.code.value for item in differences(granted.session, found)] == ["policy_unknown"]


def test_the_earlier_time_frame_is_encoded_and_read_in_32_bytes() -> None:
    address = Address.parse(LEGACY_IN_ITS_OWN_FORM["TimeFrame"])
    frame = TimeFrame(valid_after=Timestamp(5), valid_until=Timestamp(90))
    init_data = time_frame.encode_legacy(frame)
    slot = Slot(a_grant().permission_id, a_grant().smart_session, ACCOUNT)
    policy = policy_at(address)
    assert (len(init_data), len(time_frame.encode(frame))) == (32, 12)
    assert policy.initialized(slot, init_data, None) == frame
    assert policy.init_data(frame) == init_data
    assert policy_at(time_frame.ADDRESS).init_data(frame) == time_frame.encode(frame)
