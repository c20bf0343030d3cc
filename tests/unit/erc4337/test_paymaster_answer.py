"""What a paymaster's service answers is read strictly: of the operation it may change nothing."""

from typing import Any

import pytest

from agent.domain.paymaster import PaymasterOffer
from agent.domain.units import Address, Gas
from agent.erc4337.json_form import user_operation_to_json
from agent.erc4337.paymaster_answer import OPERATION_FIELDS, FieldChanged, read_paymaster_answer
from agent.erc4337.version import EntryPointVersion
from tests.builders import a_user_operation

PAYMASTER = Address(bytes(19) + b"\xcc")
SENT = user_operation_to_json(a_user_operation(), EntryPointVersion.V07)
GOOD: dict[str, Any] = {"paymaster": str(PAYMASTER), "paymasterData": "0x0102"}


def test_paymaster_fields_are_taken() -> None:
    answer = {
        **GOOD,
        "paymasterVerificationGasLimit": "0x52e3",
        "paymasterPostOpGasLimit": "0x0",
        "sponsor": {"name": "ACME\x1b[31m", "icon": "data:"},
        "isFinal": True,
        "anything": ["else"],
    }
    expected = PaymasterOffer(PAYMASTER, b"\1\2", Gas(0x52E3), Gas(0), is_final=True, sponsor="ACME[31m")
    assert read_paymaster_answer(answer, SENT) == expected


def test_what_is_left_out_is_unknown() -> None:
    assert read_paymaster_answer(GOOD, SENT) == PaymasterOffer(PAYMASTER, b"\1\2")


@pytest.mark.parametrize("field", sorted(OPERATION_FIELDS))
@pytest.mark.parametrize("value", ["0x7777", 7, "nonsense", ["0x1"], {"a": 1}])
def test_a_changed_field_of_the_operation_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(FieldChanged) as refused:
        read_paymaster_answer({**GOOD, field: value}, SENT)
    assert refused.value.field == field
    assert field in str(refused.value)


@pytest.mark.parametrize("field", sorted(SENT.keys() & OPERATION_FIELDS))
def test_a_field_that_comes_back_as_it_was_sent_changes_nothing(field: str) -> None:
    expected = read_paymaster_answer(GOOD, SENT)
    for same in (SENT[field], SENT[field].lower(), None):
        assert read_paymaster_answer({**GOOD, field: same}, SENT) == expected


def test_every_field_of_our_operations_is_guarded() -> None:
    assert SENT.keys() <= OPERATION_FIELDS


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "0x",
        {},
        {**GOOD, "paymaster": None},
        {**GOOD, "paymaster": "0x1234"},
        {**GOOD, "paymaster": 7},
        {**GOOD, "paymasterData": None},
        {**GOOD, "paymasterData": "0x1"},
        {**GOOD, "paymasterData": "zz"},
        {**GOOD, "paymasterPostOpGasLimit": 7},
        {**GOOD, "paymasterPostOpGasLimit": "7"},
        {**GOOD, "paymasterPostOpGasLimit": "-0x7"},
        {**GOOD, "paymasterVerificationGasLimit": hex(2**128)},
        {**GOOD, "paymasterVerificationGasLimit": "0xzz"},
    ],
)
def test_another_shape_is_no_answer(answer: object) -> None:
    with pytest.raises(ValueError, match="it"):
        read_paymaster_answer(answer, SENT)
