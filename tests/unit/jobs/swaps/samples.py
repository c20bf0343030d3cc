"""Orders in all their forms, for the conformance kit."""

from typing import Any

from agent.domain.units import Address
from jobs import KINDS
from jobs.conformance import Sample
from jobs.conformance.sample import NOW
from tests.unit.jobs.swaps.orders import CHAINLINK, DOLLAR, ETHER, QUOTER, ROUTER, USDC, V3, WETH, quoted

TOKENS = {"WETH": WETH, "USDC": USDC}
PAIR = {"sell": "2 WETH", "buy": "USDC"}
LIMIT = {"limit": "1950 USDC per WETH"}
STOP = {"stop": "1800 USDC per WETH", "price": CHAINLINK}
HELD, ALLOWED, DECIMALS = 5 * ETHER, 0, 8
DAI = str(Address(b"\x67" * 20))
V2 = {"router": "v2", "address": str(ROUTER)}
UNIVERSAL = {"address": str(ROUTER), "quoter": str(QUOTER)}


def _words(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def _round(dollars: int) -> bytes:
    return _words(7, dollars * 10**8, NOW, NOW, 7)


def _amounts(*amounts: int) -> bytes:
    return _words(32, len(amounts), *amounts)


def _limit(acts_on: bytes, venue: dict[str, Any], **fields: Any) -> Sample:  # noqa: ANN401 - as a file has them
    spec = {**PAIR, **LIMIT, "venue": venue, **fields}
    below = bytes(len(acts_on))
    fires = ((below,), (acts_on,))
    return Sample(KINDS["limit_order"], spec, (acts_on, HELD, ALLOWED), fires, tokens=TOKENS)


PAYS = quoted(4_000 * DOLLAR)
ORDER_SAMPLES = {
    "limit order, v3": _limit(PAYS, V3),
    "limit order, v3 path": _limit(PAYS, {**V3, "fees": ["500", "100"], "via": [DAI]}),
    "limit order, SwapRouter02": _limit(PAYS, {**V3, "router": "v3_02"}),
    "limit order, UniversalRouter v3": _limit(PAYS, {**V3, "router": "universal_v3"}),
    "limit order, v2": _limit(_amounts(2 * ETHER, 4_000 * DOLLAR), V2),
    "limit order, UniversalRouter v2": _limit(
        _amounts(2 * ETHER, 4_000 * DOLLAR), {**UNIVERSAL, "router": "universal_v2"}
    ),
    "limit order, token with a fee": _limit(
        _amounts(2 * ETHER, 4_000 * DOLLAR), {**V2, "sell_token_fee_bps": "100", "buy_token_fee_bps": "50"}
    ),
    "limit order in parts": _limit(
        PAYS,
        V3,
        partial_fill={"least": "0.1 WETH", "fills": "4"},
        good_till="2027-02-01T18:00:00Z",
        max_per_day="1 WETH",
    ),
    "stop": Sample(
        KINDS["stop_loss"],
        {**PAIR, **STOP, "venue": V3},
        (quoted(3_600 * DOLLAR), HELD, ALLOWED, _round(1_800), DECIMALS),
        ((_round(1_801),), (_round(1_800),)),
        tokens=TOKENS,
    ),
    "stop and take-profit": Sample(
        KINDS["stop_loss"],
        {**PAIR, **STOP, "venue": V3, "take_profit": "2500 USDC per WETH", "minimum": "3000 USDC"},
        (quoted(5_000 * DOLLAR), HELD, ALLOWED, _round(2_510), DECIMALS),
        ((_round(2_490), quoted(4_999 * DOLLAR)), (_round(2_510), quoted(5_000 * DOLLAR))),
        tokens=TOKENS,
    ),
    "trailing stop": Sample(
        KINDS["trailing_stop"],
        {**PAIR, "venue": V3, "price": CHAINLINK, "trail_bps": "1000", "confirmations": "2"},
        (quoted(3_600 * DOLLAR), HELD, ALLOWED, _round(1_800), DECIMALS),
        ((_round(2_000),), (_round(1_800),), (_round(1_790),)),
        tokens=TOKENS,
    ),
    "cost averaging": Sample(
        KINDS["dca"],
        {**PAIR, "venue": V3, "price": CHAINLINK, "total": "20 WETH", "on_deviation": "skip"},
        (PAYS, HELD, ALLOWED, _round(2_000), DECIMALS),
        tokens=TOKENS,
    ),
    "slices over time": Sample(
        KINDS["twap"],
        {**PAIR, "venue": V3, "price": CHAINLINK, "slices": "3", **LIMIT},
        (quoted(1_400 * DOLLAR), quoted(1_400 * DOLLAR), HELD, ALLOWED, _round(2_000), DECIMALS),
        tokens=TOKENS,
    ),
}
