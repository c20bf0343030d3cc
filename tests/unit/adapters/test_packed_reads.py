"""Reads packed once: what is sent, what is split and remembered, what is decoded again."""

import asyncio
from collections.abc import Callable, Sequence

import orjson
import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.json_rpc import PackedRequest
from agent.adapters.multicall import AGGREGATE3
from agent.adapters.packed_reads import OutOfGas, PackedReads
from agent.adapters.packing import FEWEST, MOST_DATA, Packing
from agent.domain.call import Call
from agent.domain.errors import ChainUnavailable, ReadRefused
from agent.domain.units import Address, Wei
from agent.ports import CallFailed
from tests.builders import ENTRY_POINT

Result = tuple[bool, bytes]
Inner = tuple[str, bool, bytes]


class Node:
    """Answers packed reads as `answer` says, by data; refuses more calls at once than `most`."""

    def __init__(self, answer: Callable[[bytes], Result], most: int = 10**9) -> None:
        self.answer = answer
        self.most = most
        self.poison: bytes | None = None
        self.refusal: ChainUnavailable = ReadRefused("request too large")
        self.sizes: list[int] = []

    async def ask(self, request: PackedRequest) -> str:
        calls = inner_calls(request)
        self.sizes.append(len(calls))
        data = [data for _, _, data in calls]
        if len(calls) > self.most:
            raise self.refusal
        if self.poison in data:
            raise OutOfGas("out of gas")
        return "0x" + encode(["(bool,bytes)[]"], [[self.answer(item) for item in data]]).hex()

    def asked(self) -> list[int]:
        sizes, self.sizes = self.sizes, []
        return sizes


def inner_calls(request: PackedRequest) -> Sequence[Inner]:
    body = orjson.loads(request.body(b'"latest"', 7))
    message, tag = body["params"]
    assert (body["id"], body["method"], tag, message["to"]) == (7, "eth_call", "latest", str(ENTRY_POINT))
    data = bytes.fromhex(message["data"][2:])
    assert data[:4] == AGGREGATE3
    calls: Sequence[Inner] = decode(["(address,bool,bytes)[]"], data[4:])[0]
    return calls


def reads(count: int) -> list[Call]:
    return [Call(Address(b"\x01" * 20), Wei(0), number.to_bytes(36, "big")) for number in range(count)]


def packed(calls: Sequence[Call], packing: Packing | None = None) -> PackedReads:
    return PackedReads(ENTRY_POINT, packing or Packing(50_000_000), calls, isolates=True)


def echo(data: bytes) -> Result:
    return True, data[-32:]


CALLS = st.lists(st.tuples(st.binary(min_size=20, max_size=20), st.binary(max_size=100)), max_size=8)


@given(CALLS, st.integers(0, 2**40), st.sampled_from([b'"0x10"', b'{"blockHash":"0x12"}']))
def test_a_packed_request_is_the_request(calls: list[tuple[bytes, bytes]], number: int, last: bytes) -> None:
    given_calls = [Call(Address(target), Wei(0), data) for target, data in calls]
    abi = encode(["(address,bool,bytes)[]"], [[(target, True, data) for target, data in calls]])
    message = {"to": str(ENTRY_POINT), "data": "0x" + (AGGREGATE3 + abi).hex()}
    bodies: list[bytes] = []

    async def ask(request: PackedRequest) -> str:
        bodies.append(request.body(last, number))
        return "0x" + encode(["(bool,bytes)[]"], [[(True, b"\x01")] * len(calls)]).hex()

    asyncio.run(packed(given_calls).ask(ask))

    expected = {
        "jsonrpc": "2.0",
        "method": "eth_call",
        "params": [message, orjson.loads(last)],
        "id": number,
    }
    assert [orjson.loads(body) for body in bodies] == ([expected] if calls else [])


RESULTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([b"", b"\x01", bytes(32), bytes(31) + b"\x01", bytes(64)])),
    min_size=1,
    max_size=6,
)


@given(st.lists(RESULTS, min_size=1, max_size=5))
def test_values_are_the_last_answers(rounds: list[list[Result]]) -> None:
    count = min(len(results) for results in rounds)
    calls = reads(count)
    batch, version = packed(calls), 0
    for results in rounds:
        node = Node(lambda data, results=results: results[int.from_bytes(data, "big")])  # type: ignore[misc] # mypy has no defaults in lambdas
        before = batch.values
        asyncio.run(batch.ask(node.ask))
        expected = tuple(data if ok and data else CallFailed(data) for ok, data in results[:count])
        assert batch.values == expected
        # The same version promises the same values.
        assert batch.version > version or before == expected
        version = batch.version


async def test_as_many_go_into_a_request_as_fit_below_a_mebibyte() -> None:
    node, batch = Node(echo), packed(reads(10_000))

    await batch.ask(node.ask)

    assert sorted(node.asked()) == [10_000 - 4 * (MOST_DATA // 224), *[MOST_DATA // 224] * 4]


@pytest.mark.parametrize("refusal", [ReadRefused("413"), OutOfGas("out of gas")])
async def test_what_is_refused_is_split_and_stays_so(refusal: ChainUnavailable) -> None:
    packing = Packing(50_000_000)
    node, batch = Node(echo, most=300), packed(reads(1_000), packing)
    node.refusal = refusal

    await batch.ask(node.ask)
    assert [value for value in batch.values if isinstance(value, bytes)] == [
        call.data[-32:] for call in reads(1_000)
    ]
    assert sorted(node.asked()) == [250, 250, 250, 250, 500, 500, 1_000]

    await batch.ask(node.ask)
    assert node.asked() == [250] * 4
    # So do others of that node.
    other = packed(reads(500), packing)
    await other.ask(node.ask)
    assert node.asked() == [250, 250]


async def test_a_call_that_no_node_has_gas_for_has_failed_by_itself() -> None:
    packing = Packing(50_000_000)
    calls = reads(1_000)
    node, batch = Node(echo), packed(calls, packing)
    node.poison = calls[377].data

    await batch.ask(node.ask)

    assert batch.values[377] == CallFailed(b"")
    assert [batch.values.index(value) for value in batch.values if isinstance(value, CallFailed)] == [377]
    refused = len(node.asked())
    await batch.ask(node.ask)
    assert len(node.asked()) < refused
    await packed(reads(300), packing).ask(Node(echo).ask)
    fresh = Node(echo)
    await packed(reads(900), packing).ask(fresh.ask)
    assert fresh.asked() == [900]


async def test_a_call_that_no_node_has_gas_for_leaves_the_others_unknown_where_all_count() -> None:
    calls = reads(1_000)
    node, whole = Node(echo), PackedReads(ENTRY_POINT, Packing(50_000_000), calls)
    node.poison = calls[377].data

    with pytest.raises(OutOfGas):
        await whole.ask(node.ask)

    assert min(node.asked()) >= FEWEST // 2


async def test_a_node_that_refuses_few_as_well_has_another_reason() -> None:
    node, batch = Node(echo, most=0), packed(reads(400))

    with pytest.raises(ReadRefused):
        await batch.ask(node.ask)

    assert min(node.asked()) >= FEWEST // 2


@pytest.mark.parametrize("broken", ["0x", "0x12", "0xzz", "0x" + "00" * 320, "0x" + "ff" * 320])
async def test_an_answer_that_cannot_be_read_leaves_the_last_values(broken: str) -> None:
    node, batch = Node(echo), packed(reads(3))
    await batch.ask(node.ask)
    before, version = batch.values, batch.version

    async def ask(_: PackedRequest) -> str:
        return broken

    with pytest.raises(ValueError, match=r"."):
        await batch.ask(ask)

    assert (batch.values, batch.version) == (before, version)


async def test_a_digit_that_is_none_is_seen_in_a_changed_result() -> None:
    node, batch = Node(echo), packed(reads(3))
    texts: list[str] = []

    async def ask(request: PackedRequest) -> str:
        texts.append(await node.ask(request))
        return texts[0][:-1] + "g" if len(texts) > 1 else texts[0]

    await batch.ask(ask)
    with pytest.raises(ValueError, match=r"."):
        await batch.ask(ask)


async def test_one_chunk_that_fails_leaves_all_as_they_were() -> None:
    node, batch = Node(echo), packed(reads(6_000))
    await batch.ask(node.ask)
    before = batch.values
    asked = 0

    async def ask(request: PackedRequest) -> str:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise ChainUnavailable("gone")
        return await Node(lambda _: (True, b"other")).ask(request)

    with pytest.raises(ChainUnavailable):
        await batch.ask(ask)
    assert batch.values == before
    await batch.ask(node.ask)
    assert batch.values == before
