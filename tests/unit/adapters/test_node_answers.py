"""Whatever JSON a node sends, it is an answer of the right shape or none."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.adapters.json_rpc import Json, RpcFailure
from agent.adapters.node_answers import (
    answers_query,
    block,
    call_data,
    call_value,
    logs,
    quantity,
    receipt,
    reverted,
    shaped,
)
from agent.domain.errors import ChainReverted, ChainUnavailable
from tests.builders import ENTRY_POINT, a_hash
from tests.unit.adapters.servers import a_log

PARSERS: tuple[Callable[[Json], object], ...] = (block, receipt, logs, call_data, call_value, quantity)
LOG = a_log(95)
HEADER = {
    "number": "0x64",
    "hash": str(a_hash()),
    "parentHash": str(a_hash(1)),
    "timestamp": "0x1",
    "baseFeePerGas": None,
}
RECEIPT = {
    "transactionHash": str(a_hash()),
    "blockNumber": "0x1",
    "blockHash": str(a_hash()),
    "status": "0x1",
    "logs": [LOG],
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["0x", "0x1"])
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@st.composite
def damaged(draw: st.DrawFn) -> Json:
    """Draw a good answer with a field replaced or left out."""
    good = draw(st.sampled_from([LOG, HEADER, RECEIPT, {"input": "0x12"}]))
    name = draw(st.sampled_from(sorted(good)))
    answer = {key: value for key, value in good.items() if key != name}
    if draw(st.booleans()):
        answer[name] = draw(ANY)
    return draw(st.sampled_from([answer, [answer]]))


@settings(max_examples=400)
@given(ANY | damaged(), st.sampled_from(PARSERS))
def test_any_json_is_read_or_refused(answer: Json, parse: Callable[[Json], object]) -> None:
    # Any other exception fails the test.
    with suppress(ChainUnavailable):
        assert shaped(parse, answer) is not None


@pytest.mark.parametrize(("parse", "good"), [(block, HEADER), (receipt, RECEIPT), (logs, [LOG])])
def test_what_is_whole_is_read(parse: Callable[[Json], object], good: Json) -> None:
    assert shaped(parse, good)


@given(st.integers(0, 2**256 - 1))
def test_a_quantity_is_read_as_it_is_written(number: int) -> None:
    assert quantity(hex(number)) == number


@pytest.mark.parametrize(
    "text", ["0x", "1", "-0x1", "0x-1", "0x1_0", " 0x1", "0x1\n", "0x" + "f" * 65, "0X1", "0x\u0661"]
)
def test_what_python_would_read_as_a_number_is_not_always_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3, ""),
        (-32015, "VM execution error."),
        (-32000, "execution reverted: no"),
        (-32000, "out of gas"),
        (-32603, "EVM error InvalidFEOpcode: invalid opcode"),
    ],
)
def test_what_the_contract_did_is_a_revert(code: int, message: str) -> None:
    assert isinstance(reverted(RpcFailure(code, message)), ChainReverted)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "header not found"),
        (-32000, "missing trie node 1234 (path )"),
        (-32602, "block is out of range"),
        (-32603, "internal error"),
        (-32005, "daily request count exceeded"),
        (429, "too many requests"),
    ],
)
def test_what_is_the_nodes_own_trouble_is_none(code: int, message: str) -> None:
    with pytest.raises(ChainUnavailable):
        reverted(RpcFailure(code, message))


@pytest.mark.parametrize("data", ["0x1", "0xzz", "0x 0c", {"data": "0x1"}])
def test_a_revert_of_another_shape_is_no_answer(data: Json) -> None:
    with pytest.raises(ChainUnavailable, match="another shape"):
        reverted(RpcFailure(3, "execution reverted", data))


@given(number=st.integers(80, 120), seed=st.integers(1, 9), no_filter=st.booleans())
def test_only_logs_that_were_asked_for_answer_a_query(number: int, seed: int, *, no_filter: bool) -> None:
    found = logs([a_log(number, topic=a_hash(seed))])
    topics = [None] if no_filter else [[a_hash(5), a_hash(6)]]

    asked_for = number in range(90, 101) and (no_filter or seed in (5, 6))
    assert answers_query(found, ENTRY_POINT, topics, range(90, 101)) is asked_for
