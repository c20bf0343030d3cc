import pytest

from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.policies import contract_whitelist
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist, ContractWhitelistPolicy
from agent.smart_sessions.policies.policy import ActionCall, Allowed, Refused, Slot
from agent.smart_sessions.reverts import Revert

POLICY = ContractWhitelistPolicy(contract_whitelist.ADDRESS)
ACCOUNT, ROUTER, VAULT = (Address(bytes([byte]) * 20) for byte in (1, 2, 3))
SLOT = Slot(Hash32(b"\x01" * 32), SMART_SESSION, ACCOUNT)
INIT_DATA = contract_whitelist.encode(ContractWhitelist((ROUTER, VAULT)))
TRUE, FALSE = (number.to_bytes(32, "big") for number in (1, 0))


def check(listed: frozenset[Address], target: Address, value: int = 0) -> Allowed | Refused:
    return POLICY.check_action(SLOT, listed, ActionCall(ACCOUNT, target, value, b"\x01\x02\x03\x04"))


def test_listed_contract_may_be_called_with_any_value() -> None:
    listed = POLICY.initialized(SLOT, INIT_DATA, None)

    assert check(listed, VAULT, value=10**30) == Allowed(listed)


def test_other_contract_is_refused_without_a_revert_of_the_policy() -> None:
    answer = check(POLICY.initialized(SLOT, INIT_DATA, None), ACCOUNT)

    assert isinstance(answer, Refused)
    assert (answer.code, answer.revert) == ("contract_not_listed", None)


def test_enabling_again_replaces_the_list() -> None:
    first = POLICY.initialized(SLOT, INIT_DATA, None)

    assert POLICY.initialized(SLOT, ROUTER, first) == {ROUTER}


@pytest.mark.parametrize("data", [b"", ROUTER[:19], ROUTER + bytes(20)])
def test_list_without_contracts_cannot_be_enabled(data: bytes) -> None:
    with pytest.raises(Revert) as refused:
        POLICY.initialized(SLOT, data, None)

    assert refused.value.data == contract_whitelist.INVALID_INIT_DATA


def test_only_what_the_chain_lists_is_listed() -> None:
    views = POLICY.views(SLOT, INIT_DATA)

    assert [(view.target, view.data[-20:]) for view in views] == [
        (POLICY.address, ROUTER),
        (POLICY.address, VAULT),
    ]
    assert POLICY.state_from(SLOT, INIT_DATA, [TRUE, FALSE]) == {ROUTER}


def test_unread_entry_makes_the_list_unreadable() -> None:
    with pytest.raises(ValueError, match="view answered"):
        POLICY.state_from(SLOT, INIT_DATA, [TRUE, None])
