"""Field types of orders, and what a file says of the venue that a swap goes through."""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import Field, ValidationInfo

from agent.domain.token import Token
from agent.domain.units import Address
from jobs.conditions.price_fields import PriceLevel, TokenField, parse_price_level, parse_token
from jobs.fields import AddressField, IntegerField, mistake, text_field, text_of
from jobs.kind import Spec
from jobs.uniswap.permit2 import PERMIT2

ALL_BPS = 10_000
_PER = re.compile(r" +per +")


@dataclass(frozen=True, slots=True)
class Rate:
    """So much of one token for one whole token of another: `1950 USDC per WETH`."""

    level: PriceLevel
    base: Token

    def __str__(self) -> str:
        return f"{self.level} per {self.base.symbol}"

    def is_of(self, one: Token, other: Token) -> bool:
        """Whether it is a rate between these two, either way round."""
        return {self.level.quote, self.base} == {one, other} and one != other

    def selling(self, sell: Token) -> Fraction:
        """Return base units bought for one base unit of `sell`, one of its two tokens."""
        price = self.level.of(self.base)
        return price if sell == self.base else 1 / price


def parse_rate(value: object, info: ValidationInfo) -> Rate:
    """Read `1950 USDC per WETH`."""
    text = text_of(value)
    parts = _PER.split(text)
    if len(parts) != 2:
        fix = 'write how much of one token for one of the other: "1950 USDC per WETH"'
        raise mistake("bad_rate", f"{text[:80]!r} is no rate", fix)
    return Rate(parse_price_level(parts[0], info), parse_token(parts[1], info))


def _of_rate(rate: Rate) -> str:
    quote, base = rate.level.quote.address, rate.base.address
    return f"{rate.level.per_whole} of {quote or 'native'} per {base or 'native'}"


RateField = Annotated[
    Rate, *text_field(parse_rate, r"^[0-9]+(\.[0-9]+)? +\S+ +per +\S+$", "1950 USDC per WETH", _of_rate)
]


class Router(StrEnum):
    """Which contract swaps; each takes its deadline and its path in another form."""

    V2 = "v2"
    """Router02."""
    V3 = "v3"
    """SwapRouter."""
    V3_02 = "v3_02"
    """SwapRouter02, within its `multicall`."""
    UNIVERSAL_V2 = "universal_v2"
    """UniversalRouter through v2 pairs, paid by Permit2."""
    UNIVERSAL_V3 = "universal_v3"
    """UniversalRouter through v3 pools, paid by Permit2."""


class VenueFields(Spec):
    """The exchange that a swap goes through."""

    router: Router = Field(
        description="v2 (Router02), v3 (SwapRouter), v3_02 (SwapRouter02), universal_v2 or universal_v3."
    )
    address: AddressField = Field(description="The router, quoted, with its checksum.")
    quoter: AddressField | None = Field(
        None, description="Who quotes: QuoterV2 for v3 pools, Router02 for universal_v2; v2 quotes itself."
    )
    fees: tuple[IntegerField, ...] = Field(
        (), description="v3: the fee of each pool on the way, in hundredths of a basis point: [3000]."
    )
    via: tuple[AddressField, ...] = Field((), description="Tokens between the pools, one less than fees.")
    sell_token_fee_bps: IntegerField = Field(
        default="0",
        validate_default=True,
        description="What the sold token itself takes of each transfer; router v2 alone swaps it.",
    )
    buy_token_fee_bps: IntegerField = Field(
        default="0",
        validate_default=True,
        description="What the bought token itself takes of each transfer; router v2 alone swaps it.",
    )
    permit2: AddressField = Field(
        default=str(PERMIT2), validate_default=True, description="Permit2, for universal routers."
    )

    @property
    def is_universal(self) -> bool:
        """Whether Permit2 pulls the sold token."""
        return self.router in (Router.UNIVERSAL_V2, Router.UNIVERSAL_V3)

    @property
    def is_v2(self) -> bool:
        """Whether the swap goes through v2 pairs."""
        return self.router in (Router.V2, Router.UNIVERSAL_V2)

    @property
    def quotes_by(self) -> Address:
        """The contract that quotes."""
        return self.quoter or self.address

    def objection(self) -> str:
        """Return what does not fit together; empty when all does."""
        token_fees = (self.sell_token_fee_bps, self.buy_token_fee_bps)
        if max(token_fees) >= ALL_BPS:
            return "a token that keeps all of a transfer cannot be swapped"
        if any(token_fees) and self.router is not Router.V2:
            return "tokens that take a fee of transfers are swapped by router v2 alone"
        if self.router is not Router.V2 and self.quoter is None:
            return "name the quoter: QuoterV2 for v3 pools, Router02 for universal_v2"
        return self._fees_objection()

    def _fees_objection(self) -> str:
        if self.is_v2:
            return "fees are of v3 pools" if self.fees else ""
        if len(self.fees) != len(self.via) + 1:
            return f"{len(self.via)} tokens between pools need {len(self.via) + 1} fees, not {len(self.fees)}"
        return "a fee is below 1000000" if max(self.fees) >= 10**6 else ""


__all__ = [
    "ALL_BPS",
    "Rate",
    "RateField",
    "Router",
    "TokenField",
    "VenueFields",
    "parse_rate",
]
