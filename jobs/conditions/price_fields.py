"""How a file writes the source of a price, and a level of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, model_validator

from agent.domain.token import Token
from jobs.conditions.agreed import Agreed
from jobs.conditions.chainlink import Chainlink, Feed, Sequencer
from jobs.conditions.source import PriceSource
from jobs.conditions.uniswap_prices import (
    UniswapV2Quote,
    UniswapV2Spot,
    UniswapV3Quote,
    UniswapV3Spot,
    UniswapV3Twap,
)
from jobs.fields import (
    AddressField,
    AmountField,
    BooleanField,
    DurationField,
    FieldContext,
    IntegerField,
    mistake,
    mistake_of,
    text_field,
    text_of,
)
from jobs.kind import Spec

_LEVEL = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))? +([A-Za-z][A-Za-z0-9._-]{0,19})", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,19}", re.ASCII)
_SYMBOL_SCHEMA = "^[A-Za-z][A-Za-z0-9._-]*$"
MAX_FEED_DECIMALS = 36


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """So much of `quote` for one whole base token."""

    per_whole: Fraction
    """In whole quote tokens."""
    quote: Token
    text: str

    def __str__(self) -> str:
        return self.text

    def of(self, base: Token) -> Fraction:
        """Return it as prices are: base units of the quote token per base unit of `base`."""
        return self.per_whole * Fraction(10**self.quote.decimals, 10**base.decimals)


def parse_price_level(value: object, info: ValidationInfo) -> PriceLevel:
    """Read `1800 USDC`: what one whole token costs; positive, with as many decimals as it takes."""
    text = text_of(value)
    match = _LEVEL.fullmatch(text)
    if match is None:
        fix = 'write what one whole token costs and in what, such as "1800 USDC"'
        raise mistake("bad_price", f"{text[:80]!r} is not a price", fix)
    whole, fraction, symbol = match[1], match[2] or "", match[3]
    price = Fraction(int(whole + fraction), 10 ** len(fraction))
    if price == 0:
        raise mistake("zero_price", "the price is zero", "write a positive price")
    return PriceLevel(price, _token(symbol, info), f"{whole}{'.' if fraction else ''}{fraction} {symbol}")


def parse_token(value: object, info: ValidationInfo) -> Token:
    """Read the symbol of one of the chain's tokens, or `ether`."""
    text = text_of(value)
    if not _SYMBOL.fullmatch(text):
        raise mistake("bad_symbol", f"{text[:80]!r} is no token symbol", "write a symbol such as USDC")
    return _token(text, info)


def _token(symbol: str, info: ValidationInfo) -> Token:
    tokens = info.context.tokens if isinstance(info.context, FieldContext) else {}
    token = Token("ether", None, 18) if symbol == "ether" else tokens.get(symbol)
    if token is None:
        known = ", ".join(sorted(tokens)) or "none"
        fix = f"write one of this chain's tokens ({known}) or ether"
        raise mistake("unknown_token", f"{symbol!r} is no token of this chain", fix)
    return token


def _of_token(token: Token) -> str:
    return f"{token.address or 'native'}"


def _of_level(level: PriceLevel) -> str:
    return f"{level.per_whole} of {level.quote.address or 'native'}"


TokenField = Annotated[Token, *text_field(parse_token, _SYMBOL_SCHEMA, "WETH", _of_token)]
PriceLevelField = Annotated[
    PriceLevel,
    *text_field(parse_price_level, r"^[0-9]+(\.[0-9]+)? +[A-Za-z][A-Za-z0-9._-]*$", "1800 USDC", _of_level),
]


class OneOf(Spec):
    """A mapping with exactly one of its keys."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        keys = {name: info.alias or name for name, info in type(self).model_fields.items()}
        written = [key for name, key in keys.items() if getattr(self, name) is not None]
        if len(written) != 1:
            said = " and ".join(written) or "nothing"
            raise mistake(
                "not_one", f"{said} stands where one belongs", f"write one of {', '.join(keys.values())}"
            )
        return self

    @property
    def chosen(self) -> Any:  # noqa: ANN401 - the caller knows what its keys hold
        """The one value written."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return next(value for value in values if value is not None)


class FeedFields(Spec):
    """One Chainlink feed."""

    feed: AddressField = Field(description="The feed's proxy, quoted, with its checksum.")
    decimals: IntegerField = Field(description="The feed's own decimals: 8 for most prices in USD.")
    max_age: DurationField = Field(description="Older answers are unknown: the feed's heartbeat and a bit.")

    @model_validator(mode="after")
    def _few_decimals(self) -> Self:
        if self.decimals > MAX_FEED_DECIMALS:
            fix = "write the feed's own decimals, such as 8"
            raise mistake("bad_decimals", f"{self.decimals} decimals are too many for a feed", fix)
        return self

    @property
    def as_feed(self) -> Feed:
        """The feed it names."""
        return Feed(self.feed, self.decimals, self.max_age)


class SequencerFields(Spec):
    """The uptime feed of a rollup's sequencer."""

    feed: AddressField = Field(description="Chainlink's sequencer uptime feed of this chain.")
    grace: DurationField = Field(
        "1h", validate_default=True, description="After it came back, prices count again this much later."
    )


class ChainlinkFields(FeedFields):
    """A price by one feed, or by two in the same currency."""

    inverted: BooleanField = Field(
        "false", validate_default=True, description="The feed prices the quote in the base."
    )
    over: FeedFields | None = Field(
        None, description="The quote token's feed in the same currency: USDC / USD under ETH / USD."
    )
    sequencer: SequencerFields | None = Field(None, description="On a rollup: its sequencer's uptime feed.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the feeds as a source."""
        return Chainlink(
            base,
            quote,
            self.as_feed,
            self.over.as_feed if self.over else None,
            self.inverted,
            Sequencer(self.sequencer.feed, self.sequencer.grace) if self.sequencer else None,
        )


class TwapFields(Spec):
    """A v3 pool's own mean price."""

    pool: AddressField = Field(description="The pool of the two tokens.")
    window: DurationField = Field(
        "30m", validate_default=True, description="Mean over so long; the longer, the dearer to move."
    )

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the pool as a source."""
        return UniswapV3Twap(self.pool, base, quote, self.window)


class V3SpotFields(Spec):
    """A v3 pool's momentary price."""

    pool: AddressField = Field(description="The pool of the two tokens.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the pool as a source."""
        return UniswapV3Spot(self.pool, base, quote)


class V2SpotFields(Spec):
    """A v2 pair's momentary price."""

    pair: AddressField = Field(description="The pair of the two tokens.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the pair as a source."""
        return UniswapV2Spot(self.pair, base, quote)


class V3QuoteFields(Spec):
    """What QuoterV2 says that a trade would get."""

    quoter: AddressField = Field(description="The QuoterV2 contract.")
    amount: AmountField = Field(description="What goes in: '1 WETH' sells, '1800 USDC' buys.")
    fees: tuple[IntegerField, ...] = Field(description="The fee of each pool on the way: [500], [500, 3000].")
    via: tuple[AddressField, ...] = Field((), description="Tokens between the pools, one less than fees.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the quoter as a source."""
        buying = _buys(self.amount.token, base, quote)
        amount = self.amount.base_units
        return UniswapV3Quote(self.quoter, base, quote, amount, buying=buying, fees=self.fees, via=self.via)


class V2QuoteFields(Spec):
    """What a v2 router says that a trade would get."""

    router: AddressField = Field(description="The v2 router.")
    amount: AmountField = Field(description="What goes in: '1 WETH' sells, '1800 USDC' buys.")
    via: tuple[AddressField, ...] = Field((), description="Tokens between the pairs.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the router as a source."""
        buying = _buys(self.amount.token, base, quote)
        return UniswapV2Quote(self.router, base, quote, self.amount.base_units, buying=buying, via=self.via)


class AgreedFields(Spec):
    """Two sources that must agree."""

    first: "PriceFields" = Field(description="A source; its price counts.")
    second: "PriceFields" = Field(description="Another source.")
    max_deviation_bps: IntegerField = Field(
        description="Further apart, in hundredths of a percent, and the price is unknown."
    )

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return both as one source."""
        first, second = self.first.source(base, quote), self.second.source(base, quote)
        return Agreed(first, second, self.max_deviation_bps)


class PriceFields(OneOf):
    """Where a price comes from: exactly one of these."""

    chainlink: ChainlinkFields | None = Field(None, description="A Chainlink feed, or two crossed.")
    uniswap_v3_twap: TwapFields | None = Field(None, description="A v3 pool's mean price over a window.")
    uniswap_v3_spot: V3SpotFields | None = Field(None, description="A v3 pool's momentary price.")
    uniswap_v3_quote: V3QuoteFields | None = Field(None, description="What a v3 trade would get.")
    uniswap_v2_spot: V2SpotFields | None = Field(None, description="A v2 pair's momentary price.")
    uniswap_v2_quote: V2QuoteFields | None = Field(None, description="What a v2 trade would get.")
    agreed: AgreedFields | None = Field(None, description="Two sources that must agree.")

    def source(self, base: Token, quote: Token) -> PriceSource:
        """Return the source of the price of `base` in `quote`.

        Raise a mistake, for a validator, where it cannot price these tokens.
        """
        make: Callable[[Token, Token], PriceSource] = self.chosen.source
        try:
            return make(base, quote)
        except ValueError as error:
            fix = "name two tokens with contracts, such as WETH in place of ether, that the source trades"
            raise mistake_of(error, "bad_price_source", fix) from None


def require_independent(source: PriceSource, why: str) -> None:
    """Refuse a source that one trade can move; `why` says what must not hang on it."""
    if not source.independent:
        fix = "take chainlink or uniswap_v3_twap, or agree this one with one of them"
        raise mistake("spot_price_alone", f"one trade can move a spot price or a quote: {why}", fix)


def _buys(goes_in: Token, base: Token, quote: Token) -> bool:
    if goes_in not in {base, quote}:
        raise ValueError(f"{goes_in.symbol} goes in, and the price is of {base.symbol} in {quote.symbol}")
    return goes_in == quote


AgreedFields.model_rebuild()
