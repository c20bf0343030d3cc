"""When a limit order fires, what it makes, and what it never does."""

from dataclasses import replace
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.evaluation import Act, Delivered, NextBlock, NotDelivered, Skip, Wait
from agent.domain.states import State
from agent.domain.token import TokenAmount
from agent.domain.units import Address, Timestamp, Wei
from agent.domain.watching import Firings, Memory, Spend
from jobs import erc20
from jobs.limit_order import LIMIT_ORDER, LimitOrderSpec
from jobs.swaps.floors import least_for, less, price_limit
from jobs.uniswap import routers
from jobs.uniswap.swap_call import Trade
from tests.builders import ACCOUNT, NOW, an_occurrence
from tests.unit.jobs.swaps.orders import (
    CHAINLINK,
    DOLLAR,
    ETHER,
    ROUTER,
    USDC,
    USDC_AT,
    V3,
    WETH,
    WETH_AT,
    Chain,
    an_order,
    answered,
    looked,
    moved,
)

ORDER = an_order(LimitOrderSpec, limit="1950 USDC per WETH")
PARTS = an_order(LimitOrderSpec, limit="1950 USDC per WETH", partial_fill={"least": "0.1 WETH", "fills": "3"})
GUARDED = an_order(LimitOrderSpec, limit="1950 USDC per WETH", price=CHAINLINK)


def decided(chain: Chain, spec: LimitOrderSpec = ORDER) -> object:
    return LIMIT_ORDER.evaluate(spec, chain.view(LIMIT_ORDER, spec), an_occurrence())


def test_a_paid_limit_is_taken_with_the_limit_as_the_floor() -> None:
    trade = Trade(2 * ETHER, 3_900 * DOLLAR, ACCOUNT, NOW + 120)
    found = decided(Chain(pays=4_100 * DOLLAR))
    assert isinstance(found, Act)
    assert found.calls == (
        erc20.approve(WETH_AT, ROUTER, 2 * ETHER),
        routers.exact_input_single(ROUTER, WETH_AT, USDC_AT, 3000, trade).call,
    )
    assert found.spends == (Spend("sold_in_all", 2 * ETHER),)
    assert found.intent["minimum"] == str(3_900 * DOLLAR)


@pytest.mark.parametrize(("pays", "fires"), [(3_900 * DOLLAR - 1, False), (3_900 * DOLLAR, True)])
def test_the_limit_itself_fires_and_one_unit_less_does_not(pays: int, fires: bool) -> None:  # noqa: FBT001
    assert looked(LIMIT_ORDER, ORDER, Chain(pays=pays)).fires is fires
    assert isinstance(decided(Chain(pays=pays)), Act) is fires


def test_a_price_gone_again_ends_the_firing_and_sells_nothing() -> None:
    found = decided(Chain(pays=3_899 * DOLLAR))
    assert isinstance(found, Skip)
    assert found.code == "below_limit"


def test_a_left_over_approval_is_taken_back_first() -> None:
    for allowed in (1, None):
        found = decided(Chain(allowed=allowed))
        assert isinstance(found, Act)
        assert found.calls[0] == erc20.approve(WETH_AT, ROUTER, 0)


def test_a_short_balance_waits() -> None:
    found = decided(Chain(holds=2 * ETHER - 1))
    assert isinstance(found, Wait)
    assert (found.code, found.until) == ("insufficient_balance", NOW + 60)


def test_a_failed_quote_neither_fires_nor_sells() -> None:
    glance = looked(LIMIT_ORDER, ORDER, Chain(pays=None))
    assert (glance.fires, glance.code) == (False, "no_quote")
    found = decided(Chain(pays=None))
    assert isinstance(found, Wait)
    assert found.code == "no_quote"


def test_one_fire_per_crossing() -> None:
    memory: Memory = {}
    fired = []
    for block, pays in enumerate((3_800, 3_950, 3_901, 3_899, 3_900, 4_000)):
        glance = looked(LIMIT_ORDER, ORDER, Chain(pays=pays * DOLLAR, block=block), memory)
        memory = glance.memory
        fired.append(glance.fires)
    assert fired == [False, True, False, False, True, False]


def test_an_order_rests_after_a_firing_and_is_armed_anew_then() -> None:
    first = looked(LIMIT_ORDER, ORDER, Chain())
    assert first.fires
    past = Firings(count=1, last_ended_at=Timestamp(NOW), last_state=State.SKIPPED)
    resting = looked(LIMIT_ORDER, ORDER, Chain(timestamp=Timestamp(NOW + 59)), first.memory, past)
    assert (resting.fires, resting.code, resting.again.at_time) == (False, "cooling_down", NOW + 60)
    again = looked(LIMIT_ORDER, ORDER, Chain(timestamp=Timestamp(NOW + 60)), resting.memory, past)
    assert again.fires
    # Once armed for that firing it takes another crossing, or another firing.
    assert not looked(LIMIT_ORDER, ORDER, Chain(timestamp=Timestamp(NOW + 61)), again.memory, past).fires


def test_a_filled_order_never_looks_again() -> None:
    glance = looked(LIMIT_ORDER, ORDER, Chain(), past=Firings(count=1, succeeded=1))
    assert glance.again.never
    assert glance.code == "order_filled"


def test_good_till_ends_the_order_and_bounds_the_deadline() -> None:
    at = "2026-09-21T13:00:30Z"
    spec = an_order(LimitOrderSpec, limit="1950 USDC per WETH", good_till=at)
    assert spec.good_till is not None
    near = Chain(timestamp=Timestamp(spec.good_till - 30))
    found = decided(near, spec)
    assert isinstance(found, Act)
    assert found.intent["deadline"] == str(spec.good_till)
    late = Chain(timestamp=Timestamp(spec.good_till + 1))
    ended = decided(late, spec)
    assert isinstance(ended, Skip)
    assert ended.code == "order_expired"
    assert looked(LIMIT_ORDER, spec, late).again.never


def test_confirmations_ask_for_the_limit_block_after_block() -> None:
    spec = an_order(LimitOrderSpec, limit="1950 USDC per WETH", confirmations="3")
    memory: Memory = {}
    fired = []
    for block in range(3):
        glance = looked(LIMIT_ORDER, spec, Chain(block=block), memory)
        memory = glance.memory
        fired.append(glance.fires)
    assert fired == [False, False, True]


def test_the_independent_price_raises_the_floor() -> None:
    # At 2100 USDC two WETH are worth 4200, less one percent.
    found = decided(Chain(pays=4_170 * DOLLAR, feed=answered("2100")), GUARDED)
    assert isinstance(found, Act)
    assert found.intent["minimum"] == str(4_158 * DOLLAR)


def test_a_quote_far_below_the_independent_price_is_refused_for_now() -> None:
    found = decided(Chain(pays=3_950 * DOLLAR, feed=answered("2100")), GUARDED)
    assert isinstance(found, NextBlock)
    assert found.code == "price_deviates"


def test_a_stale_feed_is_no_price() -> None:
    found = decided(Chain(feed=answered("2000", age_s=3_601)), GUARDED)
    assert isinstance(found, Wait)
    assert found.code == "price_stale"


def test_a_feed_that_is_not_as_the_file_says_sells_nothing() -> None:
    found = decided(Chain(feed=answered("2000"), decimals=18), GUARDED)
    assert isinstance(found, Wait)
    assert found.code == "contract_differs"


def test_caps_hold_the_order() -> None:
    spec = an_order(LimitOrderSpec, limit="1950 USDC per WETH", max_per_day="3 WETH")
    today = decided(Chain(left={"sold_per_day": ETHER}), spec)
    assert isinstance(today, Wait)
    assert (today.code, today.until % 86_400) == ("day_cap_reached", 0)
    over = decided(Chain(left={"sold_in_all": 0}), spec)
    assert isinstance(over, Skip)
    assert over.code == "total_reached"


def test_parts_sell_what_fits_before_the_limit() -> None:
    found = decided(Chain(pays=1_950 * DOLLAR), PARTS)
    assert isinstance(found, Act)
    trade = Trade(ETHER, 195 * DOLLAR, ACCOUNT, NOW + 120, PARTS.pool_limit)
    swap = routers.exact_input_single(ROUTER, WETH_AT, USDC_AT, 3000, trade).call
    # What the limit leaves unsold is not left approved.
    assert found.calls[1:] == (swap, erc20.approve(WETH_AT, ROUTER, 0))
    assert found.spends == (Spend("sold_in_all", ETHER),)


def test_parts_sell_no_more_than_is_left_and_stop_when_nothing_is() -> None:
    found = decided(Chain(left={"sold_in_all": ETHER // 2}), PARTS)
    assert isinstance(found, Act)
    assert found.spends == (Spend("sold_in_all", ETHER // 2),)
    filled = decided(Chain(left={"sold_in_all": ETHER // 20}), PARTS)
    assert isinstance(filled, Skip)
    assert filled.code == "order_filled"


def test_parts_keep_to_the_cap_of_the_day() -> None:
    spec = PARTS.model_copy(update={"max_per_day": TokenAmount(WETH, 3 * ETHER)})
    found = decided(Chain(left={"sold_per_day": ETHER // 4}), spec)
    assert isinstance(found, Act)
    assert {spend.amount for spend in found.spends} == {ETHER // 4}
    used_up = decided(Chain(left={"sold_per_day": ETHER // 20}), spec)
    assert isinstance(used_up, Wait)
    assert used_up.code == "day_cap_reached"


def test_parts_go_on_until_all_fills_are_made() -> None:
    past = Firings(count=2, succeeded=2, last_ended_at=Timestamp(NOW - 60))
    assert looked(LIMIT_ORDER, PARTS, Chain(), past=past).fires
    assert looked(LIMIT_ORDER, PARTS, Chain(), past=replace(past, succeeded=3)).again.never


def test_parts_are_over_when_less_than_the_least_part_is_left() -> None:
    past = Firings(count=2, succeeded=1, last_ended_at=Timestamp(NOW - 60))
    assert looked(LIMIT_ORDER, PARTS, Chain(left={"sold_in_all": ETHER // 10}), past=past).fires
    over = looked(LIMIT_ORDER, PARTS, Chain(left={"sold_in_all": ETHER // 10 - 1}), past=past)
    assert (over.fires, over.again.never, over.code) == (False, True, "order_filled")


@given(st.integers(1, 10**24), st.integers(1, 10**12), st.integers(1, 10**12))
def test_the_least_is_rounded_for_the_owner(amount: int, over: int, under: int) -> None:
    rate = Fraction(over, under)
    least = least_for(amount, rate)
    assert Fraction(least) >= amount * rate > least - 1


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(0, 9_999))
def test_slippage_takes_its_share_exactly(over: int, under: int, bps: int) -> None:
    rate = Fraction(over, under)
    assert less(rate, bps) == rate - rate * bps / 10_000


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.sampled_from((100, 500, 3_000, 10_000)))
def test_the_pool_stops_no_worse_than_the_limit(over: int, under: int, fee: int) -> None:
    rate, kept = Fraction(over, under), Fraction(10**6 - fee, 10**6)
    down = price_limit(rate, fee, sells_token0=True)
    assert Fraction(down**2, 2**192) * kept >= rate > Fraction((down - 1) ** 2, 2**192) * kept
    up = price_limit(rate, fee, sells_token0=False)
    assert up == isqrt(up * up)
    assert Fraction(2**192, up**2) * kept >= rate > Fraction(2**192, (up + 1) ** 2) * kept


def test_the_logs_show_what_was_sold_and_what_came_in() -> None:
    pool = Address(b"\x88" * 20)
    sold, received = moved(WETH, ACCOUNT, pool, 2 * ETHER), moved(USDC, pool, ACCOUNT, 3_900 * DOLLAR)
    foreign = moved(USDC, pool, ROUTER, 5_000 * DOLLAR)
    assert LIMIT_ORDER.confirm(ORDER, ACCOUNT, [sold, foreign, received]) == Delivered()
    short = moved(USDC, pool, ACCOUNT, 3_900 * DOLLAR - 1)
    more = moved(WETH, ACCOUNT, pool, 2 * ETHER + 1)
    for logs, code in (
        ([sold, short], "too_little_received"),
        ([more, received], "other_amount_sold"),
        ([received], "nothing_sold"),
    ):
        found = LIMIT_ORDER.confirm(ORDER, ACCOUNT, logs)
        assert isinstance(found, NotDelivered)
        assert found.code == code


def test_a_part_is_held_against_the_limit_for_what_it_sold() -> None:
    pool = Address(b"\x88" * 20)
    logs = [moved(WETH, ACCOUNT, pool, ETHER // 2), moved(USDC, pool, ACCOUNT, 975 * DOLLAR)]
    assert LIMIT_ORDER.confirm(PARTS, ACCOUNT, logs) == Delivered()
    assert isinstance(LIMIT_ORDER.confirm(ORDER, ACCOUNT, logs), NotDelivered)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"limit": "1950 USDC per WETH", "minimum": "3900 USDC"}, "limit"),
        ({}, "limit"),
        ({"minimum": "2 WETH"}, "minimum"),
        ({"minimum": "1 USDC", "sell": "2 ether"}, "sell"),
        ({"minimum": "1 WETH", "buy": "WETH"}, "buy"),
        ({"limit": "1950 USDC per USDC"}, "limit"),
        ({"minimum": "1 USDC", "deadline": "10m"}, "deadline"),
        ({"minimum": "1 USDC", "recheck": "1s"}, "recheck"),
        ({"minimum": "1 USDC", "max_slippage_bps": "10000"}, "max_slippage_bps"),
        ({"minimum": "1 USDC", "max_per_day": "1 USDC"}, "max_per_day"),
        ({"minimum": "1 USDC", "confirmations": "0"}, "confirmations"),
        ({"minimum": "1 USDC", "venue": {**V3, "fees": []}}, "venue"),
        ({"minimum": "1 USDC", "venue": {**V3, "router": "v2"}}, "venue"),
        ({"minimum": "1 USDC", "venue": {"router": "v3", "address": str(ROUTER), "fees": ["500"]}}, "venue"),
        ({"minimum": "1 USDC", "venue": {**V3, "sell_token_fee_bps": "100"}}, "venue"),
        (
            {
                "minimum": "1 USDC",
                "price": {"uniswap_v3_spot": {"pool": str(Address(b"\x88" * 20))}},
            },
            "price",
        ),
        ({"minimum": "1 USDC", "partial_fill": {"least": "3 WETH"}}, "partial_fill"),
        ({"minimum": "1 USDC", "partial_fill": {"least": "1 WETH", "fills": "0"}}, "partial_fill"),
        ({"minimum": "1 USDC", "partial_fill": {"least": "1 WETH"}, "price": CHAINLINK}, "price"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, object], name: str) -> None:
    assert name in LIMIT_ORDER.objections(an_order(LimitOrderSpec, **fields), ACCOUNT)


def test_a_whole_order_is_accepted() -> None:
    for spec in (ORDER, PARTS, GUARDED):
        assert LIMIT_ORDER.objections(spec, ACCOUNT) == {}


def test_what_it_makes_is_among_what_its_session_is_held_against() -> None:
    for spec in (ORDER, PARTS, GUARDED):
        [possible] = LIMIT_ORDER.possible_operations(spec, ACCOUNT, 2)
        for allowed in (0, 5):
            found = decided(Chain(feed=answered("2000"), allowed=allowed), spec)
            assert isinstance(found, Act)
            assert possible.includes(found.calls)
            assert not possible.includes((*found.calls, Call(ROUTER, Wei(0), b"")))
