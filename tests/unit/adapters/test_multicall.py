"""Multicall3 encoding, against eth-abi."""

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.multicall import AGGREGATE3, aggregate3, aggregate3_results
from agent.domain.call import Call
from agent.domain.units import Address, Wei

CALLS = st.lists(st.tuples(st.binary(min_size=20, max_size=20), st.binary(max_size=100)), max_size=8)


@given(CALLS)
def test_calls_decode_as_abi(calls: list[tuple[bytes, bytes]]) -> None:
    data = aggregate3([Call(Address(target), Wei(0), body) for target, body in calls])

    expected = encode(["(address,bool,bytes)[]"], [[(target, True, body) for target, body in calls]])
    assert data == AGGREGATE3 + expected


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=8))
def test_results_decode_as_abi(results: list[tuple[bool, bytes]]) -> None:
    data = encode(["(bool,bytes)[]"], [results])

    assert aggregate3_results(data, len(results)) == results
    assert list(decode(["(bool,bytes)[]"], data)[0]) == results


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), min_size=1, max_size=4), st.data())
def test_a_cut_answer_is_refused(results: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    whole = encode(["(bool,bytes)[]"], [results])
    last = len(results[-1][1])
    needed = len(whole) - (-last % 32)
    cut = whole[: data.draw(st.integers(0, needed - 1))]

    with pytest.raises(ValueError, match=r"cut short|answered"):
        aggregate3_results(cut, len(results))


def test_another_number_of_results_is_refused() -> None:
    with pytest.raises(ValueError, match="answered 1 results, not 2"):
        aggregate3_results(encode(["(bool,bytes)[]"], [[(True, b"")]]), 2)
