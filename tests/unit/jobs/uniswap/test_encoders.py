"""The hand-packed call data against eth_abi, and the places of the numbers in it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import ChainView
from agent.domain.keccak import keccak256
from agent.domain.units import Address, ChainId, Timestamp
from jobs.uniswap import permit2, quotes, routers
from jobs.uniswap.packing import v3_path
from jobs.uniswap.swap_call import SwapCall, Trade

ROUTER, SELL, BUY, THROUGH, ACCOUNT = (Address(bytes(19) + bytes((number,))) for number in range(1, 6))
amounts = st.integers(0, 2**256 - 1)
deadlines = st.integers(0, 2**48)
fees = st.integers(0, 2**24 - 1)
limits = st.integers(0, 2**160 - 1)
trades = st.builds(Trade, amounts, amounts, st.just(ACCOUNT), deadlines, limits)
tokens = st.lists(st.binary(min_size=20, max_size=20).map(Address), min_size=2, max_size=5)


def abi(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1]
    return keccak256(signature.encode())[:4] + encode(_split(types), values)


def _split(types: str) -> list[str]:
    parts, depth = [""], 0
    for letter in types:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def path_and_fees(data: st.DataObject) -> tuple[list[Address], list[int]]:
    path = data.draw(tokens)
    return path, data.draw(st.lists(fees, min_size=len(path) - 1, max_size=len(path) - 1))


@given(trades, tokens, st.booleans())
def test_router02(trade: Trade, path: list[Address], any_token: bool) -> None:  # noqa: FBT001 - drawn
    name = "swapExactTokensForTokens" + "SupportingFeeOnTransferTokens" * any_token
    expected = abi(
        f"{name}(uint256,uint256,address[],address,uint256)",
        trade.amount,
        trade.minimum,
        path,
        ACCOUNT,
        trade.deadline,
    )
    made = routers.v2_swap(ROUTER, path, trade, any_token=any_token)
    assert made.call.data == expected
    assert made.end == len(expected) - 4
    assert_places(made, trade)


@given(trades, fees)
def test_swap_router_single(trade: Trade, fee: int) -> None:
    struct = (SELL, BUY, fee, ACCOUNT, trade.deadline, trade.amount, trade.minimum, trade.price_limit)
    signature = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
    made = routers.exact_input_single(ROUTER, SELL, BUY, fee, trade)
    assert made.call.data == abi(signature, struct)
    assert made.call.data[:4].hex() == "414bf389"
    assert_places(made, trade)


@given(trades, st.data())
def test_swap_router_path(trade: Trade, data: st.DataObject) -> None:
    path, tiers = path_and_fees(data)
    struct = (v3_path(path, tiers), ACCOUNT, trade.deadline, trade.amount, trade.minimum)
    made = routers.exact_input(ROUTER, path, tiers, trade)
    assert made.call.data == abi("exactInput((bytes,address,uint256,uint256,uint256))", struct)
    assert_places(made, trade)


@given(trades, fees)
def test_swap_router_02_single(trade: Trade, fee: int) -> None:
    struct = (SELL, BUY, fee, ACCOUNT, trade.amount, trade.minimum, trade.price_limit)
    inner = abi("exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))", struct)
    made = routers.exact_input_single_02(ROUTER, SELL, BUY, fee, trade)
    assert made.call.data == abi("multicall(uint256,bytes[])", trade.deadline, [inner])
    assert made.call.data[:4].hex() == "5ae401dc"
    assert_places(made, trade)


@given(trades, st.data())
def test_swap_router_02_path(trade: Trade, data: st.DataObject) -> None:
    path, tiers = path_and_fees(data)
    struct = (v3_path(path, tiers), ACCOUNT, trade.amount, trade.minimum)
    inner = abi("exactInput((bytes,address,uint256,uint256))", struct)
    made = routers.exact_input_02(ROUTER, path, tiers, trade)
    assert made.call.data == abi("multicall(uint256,bytes[])", trade.deadline, [inner])
    assert_places(made, trade)


@given(trades, st.data())
def test_universal_router_v3(trade: Trade, data: st.DataObject) -> None:
    path, tiers = path_and_fees(data)
    types = ["address", "uint256", "uint256", "bytes", "bool"]
    given_input = encode(types, [ACCOUNT, trade.amount, trade.minimum, v3_path(path, tiers), True])
    made = routers.universal_v3(ROUTER, path, tiers, trade)
    assert made.call.data == abi("execute(bytes,bytes[],uint256)", b"\x00", [given_input], trade.deadline)
    assert made.call.data[:4].hex() == "3593564c"
    assert_places(made, trade)


@given(trades, tokens)
def test_universal_router_v2(trade: Trade, path: list[Address]) -> None:
    types = ["address", "uint256", "uint256", "address[]", "bool"]
    given_input = encode(types, [ACCOUNT, trade.amount, trade.minimum, path, True])
    made = routers.universal_v2(ROUTER, path, trade)
    assert made.call.data == abi("execute(bytes,bytes[],uint256)", b"\x08", [given_input], trade.deadline)
    assert_places(made, trade)


def test_permit2_allows_for_one_block() -> None:
    call = permit2.permit2_approve(permit2.PERMIT2, SELL, ROUTER, 7)
    assert call.data == abi("approve(address,address,uint160,uint48)", SELL, ROUTER, 7, 0)


@given(amounts, fees, limits)
def test_quote_up_to_a_limit(amount: int, fee: int, limit: int) -> None:
    quote = quotes.LimitedQuote(ROUTER, SELL, BUY, amount, fee, limit)
    signature = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
    assert quote.read.data == abi(signature, (SELL, BUY, amount, fee, limit))
    answer = encode(["uint256", "uint160", "uint32", "uint256"], [7, 1, 2, 3])
    assert quote.amount_out(ChainView(ChainId(1), 1, Timestamp(1), {quote.read: answer})) == 7
    for nothing in (None, b"", bytes(31), bytes(128)):
        assert quote.amount_out(ChainView(ChainId(1), 1, Timestamp(1), {quote.read: nothing})) is None


FORMS: tuple[Callable[[Trade], SwapCall], ...] = (
    lambda trade: routers.v2_swap(ROUTER, [SELL, BUY], trade),
    lambda trade: routers.v2_swap(ROUTER, [SELL, THROUGH, BUY], trade, any_token=True),
    lambda trade: routers.exact_input_single(ROUTER, SELL, BUY, 500, trade),
    lambda trade: routers.exact_input(ROUTER, [SELL, THROUGH, BUY], [500, 100], trade),
    lambda trade: routers.exact_input_single_02(ROUTER, SELL, BUY, 500, trade),
    lambda trade: routers.exact_input_02(ROUTER, [SELL, THROUGH, BUY], [500, 100], trade),
    lambda trade: routers.universal_v3(ROUTER, [SELL, BUY], [500], trade),
    lambda trade: routers.universal_v3(ROUTER, [SELL, THROUGH, BUY], [500, 100], trade),
    lambda trade: routers.universal_v2(ROUTER, [SELL, BUY], trade),
)


@pytest.mark.parametrize("form", FORMS)
@given(one=trades, other=trades)
def test_pinned_windows_and_varying_words_are_the_whole_call(
    form: Callable[[Trade], SwapCall], one: Trade, other: Trade
) -> None:
    first, second = form(one), form(replace(other, price_limit=one.price_limit))
    assert tuple(first.pinned()) == tuple(second.pinned())
    covered = {at + byte for at in first.varying for byte in range(32)}
    pinned = {at + byte for at, _ in first.pinned() for byte in range(32)}
    assert not covered & pinned
    assert covered | pinned == set(range(first.end))
    # What lies behind is padding.
    assert not any(first.call.data[4 + first.end :])


def assert_places(made: SwapCall, trade: Trade) -> None:
    expected = {
        made.amount_at: trade.amount,
        made.minimum_at: trade.minimum,
        made.deadline_at: trade.deadline,
    }
    data = made.call.data
    assert {at: int.from_bytes(data[4 + at : 36 + at], "big") for at in expected} == expected
    assert made.call.target == ROUTER
    assert made.call.value_wei == 0
