"""Multicall3 encoding, against eth-abi."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.multicall import (
    AGGREGATE3,
    aggregate3,
    aggregate3_results,
    differing,
    first_result,
    result_in,
    result_stride,
)
from agent.domain.call import Call
from agent.domain.units import Address, Wei

T = TypeVar("T")
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


EVEN = st.integers(0, 70).flatmap(
    lambda length: st.lists(
        st.tuples(st.booleans(), st.binary(min_size=length, max_size=length)), min_size=1, max_size=80
    )
)


def as_text(results: list[tuple[bool, bytes]]) -> str:
    return "0x" + encode(["(bool,bytes)[]"], [results]).hex()


@given(EVEN)
def test_results_of_one_length_have_a_stride(results: list[tuple[bool, bytes]]) -> None:
    text, count = as_text(results), len(results)
    stride = result_stride(text, count)

    first = first_result(count)
    assert [result_in(text[first + stride * at :][:stride]) for at in range(count)] == results


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=8), st.data())
def test_what_has_a_stride_decodes_by_it(results: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    text, count = as_text(results), len(results)
    # Any one digit changed: where the stride still holds, both decoders read the same.
    at = data.draw(st.integers(2, len(text) - 1))
    text = text[:at] + data.draw(st.sampled_from("0123456789abcdef")) + text[at + 1 :]
    stride = result_stride(text, count)
    if not stride:
        return
    first = first_result(count)
    whole = attempted(lambda: aggregate3_results(bytes.fromhex(text[2:]), count))
    places = range(first, first + stride * count, stride)
    each = [attempted(partial(result_in, text[at : at + stride])) for at in places]
    if whole is None:
        assert None in each
    else:
        assert [one for one in each if one is not None] == [
            one for one, read in zip(whole, each, strict=True) if read is not None
        ]


def attempted(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except ValueError:
        return None


@given(EVEN, st.data())
def test_differing_results_are_found(results: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    length = len(results[0][1])
    others = [
        data.draw(st.sampled_from([result, (not result[0], result[1]), (True, bytes(length))]))
        for result in results
    ]
    old, new, count = as_text(results), as_text(others), len(results)

    found = list(differing(old, new, count, result_stride(new, count)))

    assert found == [place for place in range(count) if results[place] != others[place]]


def test_results_of_several_lengths_have_no_stride() -> None:
    assert result_stride(as_text([(True, bytes(32)), (True, bytes(64))]), 2) == 0
    assert result_stride("0x", 0) == 0
    assert result_stride("0x" + "00" * 64, 0) == 0
