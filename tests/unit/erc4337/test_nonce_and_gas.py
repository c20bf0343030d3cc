import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.units import ZERO_ADDRESS, Address, Gas, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.calldata import nonce_call
from agent.erc4337.gas import worst_case_cost_wei
from agent.erc4337.nonce import MAX_KEY, MAX_SEQUENCE, join_nonce, split_nonce
from agent.erc4337.version import EntryPointVersion


def an_operation(paymaster: PaymasterFields | None = None) -> UserOperation:
    return UserOperation(ZERO_ADDRESS, 0, b"", Gas(1), Gas(10), Gas(100), Wei(7), Wei(1), paymaster=paymaster)


A_PAYMASTER = PaymasterFields(ZERO_ADDRESS, Gas(1000), Gas(10_000), b"")


@given(st.integers(0, MAX_KEY), st.integers(0, MAX_SEQUENCE))
def test_nonce_splits_into_what_it_was_joined_from(key: int, sequence: int) -> None:
    assert split_nonce(join_nonce(key, sequence)) == (key, sequence)


@pytest.mark.parametrize(("key", "sequence"), [(MAX_KEY + 1, 0), (-1, 0), (0, MAX_SEQUENCE + 1), (0, -1)])
def test_nonce_part_that_does_not_fit_is_refused(key: int, sequence: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        join_nonce(key, sequence)


@pytest.mark.parametrize(
    ("version", "paymaster", "gas"),
    [
        (EntryPointVersion.V07, None, 111),
        (EntryPointVersion.V07, A_PAYMASTER, 11_111),
        (EntryPointVersion.V08, A_PAYMASTER, 11_111),
        (EntryPointVersion.V06, None, 111),
        (EntryPointVersion.V06, A_PAYMASTER, 131),
    ],
)
def test_worst_case_is_all_declared_gas_at_the_maximum_fee(
    version: EntryPointVersion, paymaster: PaymasterFields | None, gas: int
) -> None:
    assert worst_case_cost_wei(an_operation(paymaster), version) == 7 * gas


def test_nonce_call_pads_account_and_key() -> None:
    expected = "35567e1a" + "00" * 12 + "11" * 20 + "00" * 31 + "05"

    assert nonce_call(Address(b"\x11" * 20), 5).hex() == expected
