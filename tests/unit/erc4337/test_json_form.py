from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Gas, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc4337.json_form import user_operation_from_json, user_operation_to_json
from agent.erc4337.version import EntryPointVersion

SENDER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"

addresses = st.binary(min_size=20, max_size=20).map(Address)
uint128 = st.integers(0, UINT128_MAX)
data = st.binary(max_size=90)


def a_form(**fields: object) -> dict[str, Any]:
    form = {
        "sender": SENDER,
        "nonce": "0x7",
        "callData": "0x",
        "callGasLimit": "0x1",
        "verificationGasLimit": "0x2",
        "preVerificationGas": "0x3",
        "maxFeePerGas": "0x4",
        "maxPriorityFeePerGas": "0x5",
    }
    return {name: value for name, value in (form | fields).items() if value is not ...}


@st.composite
def operations(draw: st.DrawFn, *, gas_limits_of_paymaster: bool = True) -> UserOperation:
    payer_gas = uint128 if gas_limits_of_paymaster else st.just(0)
    factory = draw(st.none() | addresses)
    return UserOperation(
        sender=draw(addresses),
        nonce=draw(st.integers(0, UINT256_MAX)),
        call_data=draw(data),
        call_gas_limit=Gas(draw(uint128)),
        verification_gas_limit=Gas(draw(uint128)),
        pre_verification_gas=Gas(draw(uint128)),
        max_fee_per_gas=Wei(draw(uint128)),
        max_priority_fee_per_gas=Wei(draw(uint128)),
        factory=factory,
        factory_data=draw(data) if factory else b"",
        paymaster=draw(st.none() | st.builds(PaymasterFields, addresses, payer_gas, payer_gas, data)),
        signature=draw(data),
    )


@given(operations(), st.sampled_from([EntryPointVersion.V07, EntryPointVersion.V08]))
def test_operation_comes_back_from_its_json_form(op: UserOperation, version: EntryPointVersion) -> None:
    assert user_operation_from_json(user_operation_to_json(op, version), version) == op


@given(operations(gas_limits_of_paymaster=False))
def test_operation_of_the_first_entry_point_comes_back_from_its_json_form(op: UserOperation) -> None:
    form = user_operation_to_json(op, EntryPointVersion.V06)

    assert user_operation_from_json(form, EntryPointVersion.V06) == op


def test_absent_and_null_are_the_same() -> None:
    absent = user_operation_from_json(a_form(), EntryPointVersion.V07)

    assert user_operation_from_json(a_form(factory=None, paymaster=None), EntryPointVersion.V07) == absent


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sender": ...}, "sender is missing"),
        ({"sender": SENDER.replace("F", "f", 1)}, "sender: .*checksum"),
        ({"sender": "0x00"}, "sender: Address takes 20 bytes, not 1"),
        ({"nonce": 7}, "nonce must be a 0x-hex string, not int"),
        ({"nonce": "7"}, "nonce must be a 0x-hex number"),
        ({"nonce": "0x"}, "nonce must be a 0x-hex number"),
        ({"nonce": "0x1_0"}, "nonce must be a 0x-hex number"),
        ({"nonce": "0x-1"}, "nonce must be a 0x-hex number"),
        ({"nonce": hex(2**256)}, "nonce is 0x1.*, more than 0xf"),
        ({"callGasLimit": hex(2**128)}, "callGasLimit is 0x1.*, more than 0xf"),
        ({"callData": "0x123"}, "callData: "),
        ({"initCode": "0x"}, "unknown field initCode in a UserOperation of EntryPoint 0.7"),
        ({"factoryData": "0x01"}, "factoryData is given without factory"),
        ({"paymasterData": "0x01"}, "paymasterData is given without paymaster"),
        ({"paymaster": SENDER}, "paymasterVerificationGasLimit is missing"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        user_operation_from_json(a_form(**fields), EntryPointVersion.V07)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"factory": SENDER}, "unknown field factory in a UserOperation of EntryPoint 0.6"),
        ({"initCode": "0x01"}, "initCode has 1 bytes, a factory address has 20"),
        ({"paymasterAndData": "0x01"}, "paymasterAndData has 1 bytes, a paymaster address has 20"),
    ],
)
def test_wrong_field_of_the_first_entry_point_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        user_operation_from_json(a_form(**fields), EntryPointVersion.V06)
