"""What a file says of a loan: the market, by its contracts."""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, Field

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import TokenAmount
from agent.domain.units import Address, Timestamp
from jobs.conditions.chainlink import Feed
from jobs.conditions.price_fields import OneOf
from jobs.conditions.verdict import Unknown
from jobs.fields import AddressField, AmountField, DurationField, mistake, text_field, text_of
from jobs.kind import Spec
from jobs.loans.aave_v3 import AaveV3
from jobs.loans.compound_v3 import Collateral, CompoundV3
from jobs.loans.health import MarketHealth
from jobs.loans.market import LoanMarket
from jobs.loans.morpho_blue import LLTV_SCALE, MorphoBlue
from jobs.loans.packing import Unreadable

_RATIO = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_ratio(value: object) -> Fraction:
    """Read a decimal number such as `1.25`, exactly."""
    text = text_of(value)
    match = _RATIO.fullmatch(text)
    if match is None:
        raise mistake("bad_ratio", f"{text[:80]!r} is not a ratio", 'write a decimal number such as "1.25"')
    places = match[2] or ""
    return Fraction(int(match[1] + places), 10 ** len(places))


def require_token(amount: TokenAmount) -> TokenAmount:
    """Refuse the chain's own coin: no market takes it."""
    if amount.token.address is None:
        fix = "write the amount in the token of the market, such as its wrapped coin"
        raise mistake("not_a_token", f"{amount.token.symbol} is the chain's own coin", fix)
    return amount


def _ratio_text(ratio: Fraction) -> str:
    # For digests: 1.5 and 1.50 are the same number.
    return f"{ratio.numerator}/{ratio.denominator}"


RatioField = Annotated[
    Fraction, *text_field(parse_ratio, r"^[0-9]{1,6}(\.[0-9]{1,18})?$", "1.25", _ratio_text)
]


TokenAmountField = Annotated[AmountField, AfterValidator(require_token)]


class AaveV3Fields(Spec):
    """A market of Aave v3; its address book has all four."""

    pool: AddressField = Field(description="The Pool.")
    addresses_provider: AddressField = Field(description="The PoolAddressesProvider of the pool.")
    oracle: AddressField = Field(description="The AaveOracle.")
    data_provider: AddressField = Field(description="The AaveProtocolDataProvider.")

    def market(self) -> LoanMarket:
        """Return its adapter."""
        return AaveV3(self.pool, self.addresses_provider, self.oracle, self.data_provider)


class MorphoBlueFields(Spec):
    """A market of Morpho Blue, by the parameters it was made with."""

    morpho: AddressField = Field(description="The Morpho contract.")
    loan_token: AddressField = Field(description="What is owed.")
    collateral_token: AddressField = Field(description="What the loan stands on.")
    oracle: AddressField = Field(description="The market's oracle.")
    irm: AddressField = Field(description="The market's interest rate model.")
    lltv: RatioField = Field(description='Its liquidation threshold: "0.86".')

    def market(self) -> LoanMarket:
        """Return its adapter."""
        tokens = (self.loan_token, self.collateral_token)
        return MorphoBlue(self.morpho, *tokens, self.oracle, self.irm, int(self.lltv * LLTV_SCALE))

    def source(self, account: Address) -> MarketHealth:
        """Return the account's health there, as conditions look at it."""
        return MarketHealth(self.market(), account)


class CollateralFields(Spec):
    """A token that stands for a loan of Compound v3."""

    asset: AddressField = Field(description="The token.")
    price_feed: AddressField = Field(description="The feed by which the market prices it.")


class CompoundV3Fields(Spec):
    """A market of Compound v3."""

    comet: AddressField = Field(description="The Comet, by its proxy.")
    base_token: AddressField = Field(description="What is owed.")
    base_price_feed: AddressField = Field(description="Its `baseTokenPriceFeed`.")
    collaterals: tuple[CollateralFields, ...] = Field(
        description="Each collateral of the account; one that is missing here is not counted."
    )

    def market(self) -> LoanMarket:
        """Return its adapter."""
        collaterals = tuple(Collateral(item.asset, item.price_feed) for item in self.collaterals)
        return CompoundV3(self.comet, self.base_token, self.base_price_feed, collaterals)

    def source(self, account: Address) -> MarketHealth:
        """Return the account's health there, as conditions look at it."""
        return MarketHealth(self.market(), account)


class LoanFields(OneOf):
    """The market of a loan: exactly one protocol."""

    aave_v3: AaveV3Fields | None = Field(None, description="A market of Aave v3.")
    morpho_blue: MorphoBlueFields | None = Field(None, description="A market of Morpho Blue.")
    compound_v3: CompoundV3Fields | None = Field(None, description="A market of Compound v3.")

    def market(self) -> LoanMarket:
        """Return the adapter of the one that is named."""
        chosen: AaveV3Fields | MorphoBlueFields | CompoundV3Fields = self.chosen
        return chosen.market()


class FreshFields(Spec):
    """A price feed that the market's oracle reads, and how old its answer may be."""

    feed: AddressField = Field(description="The feed: an AggregatorV3Interface, quoted.")
    max_age: DurationField = Field(description="Older answers are stale: the feed's heartbeat and a bit.")

    def read(self) -> Read:
        """Return what tells its age."""
        return self._feed().read

    def require_fresh(self, view: ChainView) -> None:
        """Raise Unreadable unless the feed has a positive and fresh answer."""
        answer = self._feed().answer(view)
        if isinstance(answer, Unknown):
            raise Unreadable(answer.code, answer.why)

    def turns_at(self, view: ChainView) -> Timestamp | None:
        """Return when it goes stale though no answer changes."""
        return self._feed().turns_at(view)

    def _feed(self) -> Feed:
        # Its decimals do not matter to its age.
        return Feed(self.feed, 0, self.max_age)
