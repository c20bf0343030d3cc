from dataclasses import replace
from fractions import Fraction

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import ChainView
from agent.domain.units import Address
from jobs.conditions.prices import (
    Agreed,
    Chainlink,
    Feed,
    PriceSource,
    Sequencer,
    UniswapV2Quote,
    UniswapV2Spot,
    UniswapV3Quote,
    UniswapV3Spot,
    UniswapV3Twap,
    Unknown,
    deviation_bps,
    refuted,
)
from tests.unit.jobs.conditions.views import (
    ETHER,
    FEED,
    NOW,
    OTHER_FEED,
    POOL,
    UPTIME,
    USDC,
    WETH,
    a_round,
    a_view,
    words,
)

ETH_USD = Feed(FEED, 8, 3600)
USDC_USD = Feed(OTHER_FEED, 8, 86_400)
DIRECT = Chainlink(ETHER, USDC, ETH_USD)
CROSSED = Chainlink(WETH, USDC, ETH_USD, USDC_USD)
ON_ROLLUP = replace(DIRECT, sequencer=Sequencer(UPTIME, 3600))
TWAP = UniswapV3Twap(POOL, WETH, USDC, 1800)
UP_LONG_AGO = words(1, 0, NOW - 3601, NOW, 1)


def whole(usd: int | str) -> Fraction:
    """Return a price of one ether or WETH in USDC, in base units."""
    return Fraction(usd) * Fraction(10**6, 10**18)


def answered(source: PriceSource, *answers: bytes | None, at: int = NOW) -> ChainView:
    return a_view(dict(zip(source.reads(), answers, strict=True)), at=at)


def code_of(source: PriceSource, *answers: bytes | None, at: int = NOW) -> str:
    price = source.price(answered(source, *answers, at=at))
    assert isinstance(price, Unknown), price
    return price.code


class TestChainlink:
    def test_a_price_is_base_units_per_base_unit(self) -> None:
        assert DIRECT.price(answered(DIRECT, a_round(2000 * 10**8))) == whole(2000)

    def test_two_feeds_of_one_currency_make_a_price(self) -> None:
        view = answered(CROSSED, a_round(2000 * 10**8), a_round(98 * 10**6))
        assert CROSSED.price(view) == whole(2000) / Fraction("0.98")

    def test_a_feed_may_price_the_other_way_round(self) -> None:
        inverted = replace(DIRECT, inverted=True)
        assert inverted.price(answered(inverted, a_round(50_000))) == whole(2000)

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (None, "price_unreadable"),
            (b"", "price_unreadable"),
            (bytes(159), "price_unreadable"),
            (a_round(0), "price_not_positive"),
            (a_round(-1), "price_not_positive"),
            (a_round(1, updated_at=0), "round_incomplete"),
            (a_round(1, answered_in=6), "round_incomplete"),
            (a_round(1, updated_at=NOW - 3601), "price_stale"),
            (a_round(1, updated_at=NOW + 1), "price_ahead"),
        ],
    )
    def test_what_is_not_a_fresh_positive_complete_answer_is_unknown(
        self, answer: bytes | None, code: str
    ) -> None:
        assert code_of(DIRECT, answer) == code

    def test_it_is_fresh_to_the_last_second(self) -> None:
        view = answered(DIRECT, a_round(1, updated_at=NOW - 3600))
        assert (not isinstance(DIRECT.price(view), Unknown), DIRECT.turns_at(view)) == (True, NOW + 1)

    def test_a_stale_answer_turns_into_nothing_by_itself(self) -> None:
        assert DIRECT.turns_at(answered(DIRECT, a_round(1, updated_at=NOW - 3601))) is None

    def test_either_feed_of_two_makes_it_unknown(self) -> None:
        assert code_of(CROSSED, a_round(1), a_round(1, updated_at=1)) == "price_stale"
        assert code_of(CROSSED, None, a_round(1)) == "price_unreadable"

    @pytest.mark.parametrize(
        ("uptime", "code"),
        [
            (None, "sequencer_unknown"),
            (words(1, 0, 0, 0, 1), "sequencer_unknown"),
            (words(1, 1, NOW - 9999, NOW, 1), "sequencer_down"),
            (words(1, 0, NOW - 3600, NOW, 1), "sequencer_grace"),
        ],
    )
    def test_on_a_rollup_the_sequencer_must_be_up_for_a_while(self, uptime: bytes | None, code: str) -> None:
        assert code_of(ON_ROLLUP, a_round(1), uptime) == code

    def test_after_the_grace_the_price_counts_again(self) -> None:
        view = answered(ON_ROLLUP, a_round(2000 * 10**8), UP_LONG_AGO)
        assert ON_ROLLUP.price(view) == whole(2000)

    def test_the_end_of_the_grace_is_waited_for(self) -> None:
        view = answered(ON_ROLLUP, a_round(1), words(1, 0, NOW - 600, NOW, 1))
        assert ON_ROLLUP.turns_at(view) == NOW + 3001

    def test_decimals_that_the_feed_does_not_have_are_found_before_acting(self) -> None:
        (claim,) = DIRECT.claims()
        assert [
            refuted(DIRECT.claims(), a_view({claim.read: said})) is None for said in (words(8), words(18))
        ] == [
            True,
            False,
        ]
        assert refuted(DIRECT.claims(), a_view()) is not None


class TestTwap:
    def test_the_read_is_observe_of_the_window_and_now(self) -> None:
        (read,) = TWAP.reads()
        assert read.data[:4].hex() == "883bdbfd"
        assert decode(["uint32[]"], read.data[4:]) == ((1800, 0),)

    def test_the_mean_of_a_pool_at_2000_is_less_than_a_tick_off(self) -> None:
        # WETH is token1 here: the tick is that of the inverse price.
        price = TWAP.price(answered(TWAP, self.observed(0, 200_311 * 1800)))
        assert isinstance(price, Fraction)
        assert whole("1999.7") < price < whole("2000.3")

    def test_both_orders_of_the_tokens_give_inverse_prices(self) -> None:
        view = answered(TWAP, self.observed(-5, 777_777_777))
        other = UniswapV3Twap(POOL, USDC, WETH, 1800)
        price, inverse = TWAP.price(view), other.price(view)
        assert isinstance(price, Fraction)
        assert isinstance(inverse, Fraction)
        assert price * inverse == 1

    @pytest.mark.parametrize("answer", [None, b"", words(64, 0), words(64, 0, 3, 1, 2, 3)])
    def test_a_window_older_than_the_pools_memory_is_unknown(self, answer: bytes | None) -> None:
        assert code_of(TWAP, answer) == "price_unreadable"

    def test_a_tick_off_the_scale_is_unknown(self) -> None:
        assert code_of(TWAP, self.observed(0, 2**50)) == "price_impossible"

    def test_the_pool_must_be_of_these_tokens(self) -> None:
        first, second = TWAP.claims()
        right = {
            first.read: words(int.from_bytes(b"\1" * 20)),
            second.read: words(int.from_bytes(b"\2" * 20)),
        }
        assert refuted(TWAP.claims(), a_view(right)) is None
        assert refuted(TWAP.claims(), a_view(right | {first.read: words(7)})) is not None

    @staticmethod
    def observed(earlier: int, later: int) -> bytes:
        return encode(["int56[]", "uint160[]"], [[earlier, later], [1, 2]])


class TestSpot:
    @given(sqrt=st.integers(2**40, 2**140))
    def test_v3_is_the_square_of_slot0_in_either_order(self, sqrt: int) -> None:
        slot0 = words(sqrt, 0, 0, 0, 0, 0, 1)
        one, other = UniswapV3Spot(POOL, USDC, WETH), UniswapV3Spot(POOL, WETH, USDC)
        assert one.price(answered(one, slot0)) == Fraction(sqrt**2, 2**192)
        assert other.price(answered(other, slot0)) == Fraction(2**192, sqrt**2)

    def test_v2_is_the_ratio_of_the_reserves_in_either_order(self) -> None:
        reserves = words(2_000_000 * 10**6, 1000 * 10**18, NOW)
        one, other = UniswapV2Spot(POOL, WETH, USDC), UniswapV2Spot(POOL, USDC, WETH)
        assert one.price(answered(one, reserves)) == whole(2000)
        assert other.price(answered(other, reserves)) == 1 / whole(2000)

    def test_an_empty_pool_has_no_price(self) -> None:
        assert code_of(UniswapV3Spot(POOL, WETH, USDC), words(0)) == "price_impossible"
        assert code_of(UniswapV2Spot(POOL, WETH, USDC), words(0, 5)) == "price_impossible"
        assert code_of(UniswapV2Spot(POOL, WETH, USDC), None) == "price_unreadable"


class TestQuote:
    def test_selling_asks_the_quoter_in_its_own_order(self) -> None:
        quote = UniswapV3Quote(POOL, WETH, USDC, 10**18, fees=(500,))
        kind = "(address,address,uint256,uint24,uint160)"
        assert quote.read.data[:4].hex() == "c6a5026a"
        assert decode([kind], quote.read.data[4:]) == (
            (hex_of(WETH.address), hex_of(USDC.address), 10**18, 500, 0),
        )
        assert quote.price(a_view({quote.read: words(1990 * 10**6, 0, 0, 0)})) == whole(1990)

    def test_buying_asks_with_what_is_paid(self) -> None:
        quote = UniswapV3Quote(POOL, WETH, USDC, 2000 * 10**6, fees=(500,), buying=True)
        assert quote.price(a_view({quote.read: words(10**18)})) == whole(2000)

    def test_several_pools_make_a_path(self) -> None:
        middle = Address(b"\x55" * 20)
        quote = UniswapV3Quote(POOL, WETH, USDC, 7, fees=(500, 3000), via=(middle,))
        path, amount = decode(["bytes", "uint256"], quote.read.data[4:])
        assert quote.read.data[:4].hex() == "cdca1753"
        assert path == b"\2" * 20 + (500).to_bytes(3) + middle + (3000).to_bytes(3) + b"\1" * 20
        assert amount == 7

    def test_v2_counts_what_comes_out_at_the_end(self) -> None:
        quote = UniswapV2Quote(POOL, WETH, USDC, 10**18)
        assert quote.read.data[:4].hex() == "d06ca61f"
        assert decode(["uint256", "address[]"], quote.read.data[4:]) == (
            10**18,
            (hex_of(WETH.address), hex_of(USDC.address)),
        )
        answer = encode(["uint256[]"], [[10**18, 1985 * 10**6]])
        assert quote.price(a_view({quote.read: answer})) == whole(1985)

    @pytest.mark.parametrize("answer", [None, b"", words(0)])
    def test_nothing_for_something_is_no_price(self, answer: bytes | None) -> None:
        assert code_of(UniswapV3Quote(POOL, WETH, USDC, 1), answer) == "quote_failed"
        assert code_of(UniswapV2Quote(POOL, WETH, USDC, 1), answer) == "quote_failed"


class TestAgreed:
    spot = UniswapV2Spot(POOL, WETH, USDC)

    def test_within_the_deviation_the_first_counts(self) -> None:
        assert self.price_of(Agreed(CROSSED_ALONE, TWAP, 100), 2000) == whole(2000)

    def test_of_spot_and_an_independent_price_the_independent_one_counts(self) -> None:
        agreed = Agreed(self.spot, CROSSED_ALONE, 100)
        view = a_view(
            {agreed.reads()[0]: words(2010 * 10**6, 10**18), agreed.reads()[1]: a_round(2000 * 10**8)}
        )
        assert (agreed.price(view), agreed.independent) == (whole(2000), True)

    def test_two_that_one_trade_moves_are_not_independent(self) -> None:
        assert not Agreed(self.spot, UniswapV3Spot(POOL, WETH, USDC), 100).independent

    def test_what_disagrees_or_is_lost_is_unknown(self) -> None:
        agreed = Agreed(CROSSED_ALONE, self.spot, 100)
        assert code_of(agreed, a_round(2000 * 10**8), words(1979 * 10**6, 10**18)) == "prices_disagree"
        assert code_of(agreed, a_round(2000 * 10**8), None) == "price_unreadable"
        assert code_of(agreed, None, words(1, 1)) == "price_unreadable"

    @given(one=st.fractions(min_value="0.001", max_value=1000), bps=st.integers(0, 5000))
    def test_the_deviation_is_of_the_lower_price_whichever_comes_first(self, one: Fraction, bps: int) -> None:
        other = one * (10_000 + bps) / 10_000
        assert deviation_bps(one, other) == deviation_bps(other, one) == bps

    @staticmethod
    def price_of(agreed: Agreed, usd: int) -> Fraction | Unknown:
        observed = TestTwap.observed(0, 200_311 * 1800)
        return agreed.price(answered(agreed, a_round(usd * 10**8), observed))


CROSSED_ALONE = Chainlink(WETH, USDC, ETH_USD)


def test_independent_is_what_one_trade_cannot_move() -> None:
    sources: list[PriceSource] = [
        DIRECT, TWAP, UniswapV3Spot(POOL, WETH, USDC), UniswapV2Spot(POOL, WETH, USDC),
        UniswapV3Quote(POOL, WETH, USDC, 1), UniswapV2Quote(POOL, WETH, USDC, 1),
    ]  # fmt: skip
    assert [source.independent for source in sources] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    "make",
    [
        lambda: UniswapV3Twap(POOL, ETHER, USDC),
        lambda: UniswapV3Twap(POOL, WETH, WETH),
        lambda: UniswapV3Twap(POOL, WETH, USDC, 0),
        lambda: UniswapV3Quote(POOL, WETH, USDC, 0),
        lambda: UniswapV3Quote(POOL, WETH, USDC, 1, fees=(500, 500)),
        lambda: UniswapV2Quote(POOL, WETH, USDC, 0),
        lambda: Agreed(DIRECT, DIRECT, -1),
    ],
)
def test_what_no_source_can_price_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"\w"):
        make()


def hex_of(address: Address | None) -> str:
    assert address is not None
    return "0x" + address.hex()
