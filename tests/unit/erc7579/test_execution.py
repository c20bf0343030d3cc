import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.units import UINT256_MAX, Address, Wei, bytes_from_hex
from agent.erc7579.execution import EXECUTE, decode_execute, encode_batch, encode_execute, encode_single
from tests.vectors import vectors

RECORDED = vectors("smart_sessions")["execute_calldata"]
TOKEN = Address.parse("0x959922bE3CAee4b8Cd9a407cc3ac1C251C2007B1")
SINK = Address.parse("0x9A9f2CCfdE556A7E9Ff0848998Aa4a0CFD8863AE")

calls = st.builds(
    Call,
    st.binary(min_size=20, max_size=20).map(Address),
    st.integers(0, UINT256_MAX).map(Wei),
    st.binary(max_size=100),
)


@pytest.mark.parametrize("name", ["single", "batch"])
def test_recorded_call_data_comes_back(name: str) -> None:
    call_data = bytes_from_hex(RECORDED[name])

    assert encode_execute(decode_execute(call_data)) == call_data


def test_recorded_batch_is_a_transfer_and_a_payment() -> None:
    transfer, payment = decode_execute(bytes_from_hex(RECORDED["batch"]))

    assert (transfer.target, transfer.value_wei, transfer.data[:4].hex()) == (TOKEN, 0, "a9059cbb")
    assert payment == Call(SINK, Wei(7), b"")


def test_selector_is_the_recorded_one() -> None:
    assert "0x" + EXECUTE.hex() == RECORDED["execute_selector"]


@given(calls)
def test_single_call_comes_back(call: Call) -> None:
    assert decode_execute(encode_single(call)) == (call,)


@given(st.lists(calls, max_size=5))
def test_batch_comes_back(batch: list[Call]) -> None:
    assert decode_execute(encode_batch(batch)) == tuple(batch)


@given(st.lists(calls, min_size=1, max_size=3), st.data())
def test_cut_off_call_data_is_refused(batch: list[Call], data: st.DataObject) -> None:
    call_data = encode_execute(batch)
    cut = data.draw(st.integers(0, len(call_data) - 1))

    with pytest.raises(ValueError):  # noqa: PT011 - whatever is missing first
        decode_execute(call_data[:cut])


def test_no_call_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one call"):
        encode_execute([])


@pytest.mark.parametrize(
    ("call_data", "message"),
    [
        ("0xa9059cbb", "starts with 0xa9059cbb, not execute"),
        ("0xe9ae5c530001" + "00" * 30, "execution type 0x01 is not supported"),
        ("0xe9ae5c53ff00" + "00" * 30 + "00" * 31 + "40" + "00" * 32, "call type 0xff is not supported"),
        (RECORDED["single"] + "00", "not canonically encoded"),
    ],
)
def test_what_a_session_may_not_send_is_refused(call_data: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_execute(bytes_from_hex(call_data))
