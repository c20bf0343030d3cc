"""What every order's file says: what is sold for what, where, and what guards its price."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property

from pydantic import Field

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token, TokenAmount
from agent.domain.units import Address, Timestamp
from agent.domain.watching import JobCap, Spend
from jobs import erc20
from jobs.conditions.price_fields import PriceFields, require_independent
from jobs.conditions.source import PriceSource
from jobs.conditions.verdict import Unknown
from jobs.fields import AmountField, DurationField, IntegerField
from jobs.kind import Spec
from jobs.swaps.fields import ALL_BPS, Rate, TokenField, VenueFields
from jobs.swaps.market import Market
from jobs.uniswap.permit2 import MAX_AMOUNT

SOLD_PER_DAY = "sold_per_day"
SOLD_IN_ALL = "sold_in_all"
MIN_DEADLINE_S = 60
MAX_DEADLINE_S = 180
MIN_RECHECK_S = 12


class SwapSpec(Spec):
    """The fields that all orders have."""

    sell: AmountField = Field(description="What is sold: '1 WETH'. Wrap the chain's own coin first.")
    buy: TokenField = Field(description="The token it is sold for: USDC.")
    venue: VenueFields = Field(description="The exchange.")
    price: PriceFields | None = Field(
        None,
        description="A source of the price that one trade cannot move; it sets a floor for what comes in.",
    )
    price_of: TokenField | None = Field(
        None, description="Which of the two tokens that source prices in the other; else the one sold."
    )
    max_slippage_bps: IntegerField = Field(
        default="100",
        validate_default=True,
        description="How much less than that price may come in, in hundredths of a percent, fees included.",
    )
    deadline: DurationField = Field(
        default="2m", validate_default=True, description="How long after its block a swap may be mined."
    )
    recheck: DurationField = Field(
        default="1m",
        validate_default=True,
        description="How long to wait before looking again when the balance is short or a price unknown.",
    )
    max_per_day: AmountField | None = Field(
        None, description="The most of the sold token that goes out in one UTC day."
    )

    # Asked for at every block, and the same for as long as the spec lives.
    @cached_property
    def market(self) -> Market:
        """Where it is sold."""
        return Market(self.venue, self.sell.token, self.buy)

    @property
    def rates(self) -> Mapping[str, Rate]:
        """The rates in the file, by field."""
        return {}

    @property
    def in_all(self) -> int | None:
        """The most of the sold token that may ever go out; None where nothing says."""
        return self.sell.base_units

    @property
    def end(self) -> Timestamp | None:
        """The last second of the order."""
        return None

    @cached_property
    def source(self) -> PriceSource | None:
        """The independent source; raise ValueError where it cannot price these tokens."""
        if self.price is None:
            return None
        base = self._priced
        return self.price.source(base, self.sell.token if base == self.buy else self.buy)

    def independent_rate(self, view: ChainView) -> Fraction | Unknown:
        """Return base units bought for one sold, by the independent source."""
        source = self.source
        if source is None:
            return Unknown("no_price_source", "the file names no source of a price")
        price = source.price(view)
        if isinstance(price, Unknown):
            return price
        return price if self._priced == self.sell.token else 1 / price

    def rate(self, rate: Rate) -> Fraction:
        """Return a rate of the file as base units bought for one sold."""
        return rate.selling(self.sell.token)

    @property
    def _priced(self) -> Token:
        """The token that the source prices: as the file says, else as its rates are written."""
        if self.price_of is not None:
            return self.price_of
        return next((rate.base for rate in self.rates.values()), self.sell.token)

    def price_reads(self) -> tuple[Read, ...]:
        """Return what the independent source reads."""
        return () if (source := self.source) is None else source.reads()

    def claim_reads(self) -> tuple[Read, ...]:
        """Return what shows that the source's contracts are those that the file describes."""
        return () if (source := self.source) is None else tuple(claim.read for claim in source.claims())

    def funds_reads(self, account: Address) -> tuple[Read, ...]:
        """Return the balance and the allowance of the sold token."""
        market = self.market
        return (
            erc20.balance_of(market.sold, account),
            erc20.allowance(market.sold, account, market.spender),
        )

    def text(self, units: int) -> str:
        """Write an amount of the sold token."""
        return str(TokenAmount(self.sell.token, units))

    def bought_text(self, units: int) -> str:
        """Write an amount of the bought token."""
        return str(TokenAmount(self.buy, units))

    def caps(self) -> tuple[JobCap, ...]:
        """Return the limits that the agent holds it to."""
        token = self.sell.token
        found = []
        if self.in_all is not None:
            found.append(
                JobCap(SOLD_IN_ALL, self.in_all, per_day=False, unit=token.symbol, decimals=token.decimals)
            )
        if self.max_per_day is not None:
            most = self.max_per_day.base_units
            found.append(JobCap(SOLD_PER_DAY, most, per_day=True, unit=token.symbol, decimals=token.decimals))
        return tuple(found)

    def spends(self, amount: int) -> tuple[Spend, ...]:
        """Return what a swap of so much uses of them."""
        return tuple(Spend(cap.name, amount) for cap in self.caps())

    def left(self, view: ChainView) -> int:
        """Return what the order has still to sell."""
        return self.sell.base_units if self.in_all is None else view.left.get(SOLD_IN_ALL, self.in_all)


def objections(spec: SwapSpec, account: Address, *, needs_price: bool) -> dict[str, str]:
    """Return what is wrong with the fields that all orders have: field to reason."""
    return dict(_objections(spec, account, needs_price=needs_price))


def _objections(spec: SwapSpec, account: Address, *, needs_price: bool) -> Iterator[tuple[str, str]]:
    yield from _token_objections(spec, account)
    yield from _price_objections(spec, needs_price=needs_price)
    if why := spec.venue.objection():
        yield "venue", why
    if not MIN_DEADLINE_S <= spec.deadline <= MAX_DEADLINE_S:
        yield "deadline", f"{spec.deadline} s: from {MIN_DEADLINE_S} s to {MAX_DEADLINE_S} s"
    if spec.recheck < MIN_RECHECK_S:
        yield "recheck", f"{spec.recheck} s: look again at most once in {MIN_RECHECK_S} s"
    if spec.max_slippage_bps >= ALL_BPS:
        yield "max_slippage_bps", f"{spec.max_slippage_bps} basis points leave nothing of the price"
    for name, rate in spec.rates.items():
        if not rate.is_of(spec.sell.token, spec.buy):
            yield name, f"{rate} is no rate between {spec.sell.token.symbol} and {spec.buy.symbol}"


def _token_objections(spec: SwapSpec, account: Address) -> Iterator[tuple[str, str]]:
    sell, buy = spec.sell.token, spec.buy
    if sell.address is None:
        yield "sell", "pools hold tokens, not the chain's own coin: wrap it and sell the wrapped token"
    if buy.address is None:
        yield "buy", "pools hold tokens, not the chain's own coin: buy the wrapped token"
    if sell == buy:
        yield "buy", f"{buy.symbol} is sold already"
    if spec.venue.address in (account, sell.address, buy.address):
        yield "venue", "the router is the account or one of the tokens"
    if spec.venue.is_universal and spec.sell.base_units > MAX_AMOUNT:
        yield "sell", "Permit2 moves less than 2^160 base units at once"
    if spec.max_per_day is not None and spec.max_per_day.token != sell:
        yield "max_per_day", f"the cap is on {sell.symbol}, the token sold"


def _price_objections(spec: SwapSpec, *, needs_price: bool) -> Iterator[tuple[str, str]]:
    if spec.price is None and needs_price:
        yield "price", "what comes in must hang on a price that one trade cannot move: name its source"
    tokens = (spec.sell.token, spec.buy)
    if spec.price_of is not None and spec.price_of not in tokens:
        yield "price_of", f"{spec.price_of.symbol} is neither sold nor bought"
    elif spec.price is not None and None not in {token.address for token in tokens}:
        try:
            source = spec.source
            if source is not None:
                require_independent(source, "the least that comes in")
        except ValueError as error:
            yield "price", str(error)
