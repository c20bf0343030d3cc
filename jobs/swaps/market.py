"""A venue for one pair of tokens: its quotes, the swap, and the approvals that go before it."""

from dataclasses import dataclass
from typing import Protocol, assert_never

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address
from jobs import erc20
from jobs.conditions.source import contract_of
from jobs.conditions.uniswap_prices import UniswapV2Quote, UniswapV3Quote
from jobs.swaps.fields import ALL_BPS, Router, VenueFields
from jobs.uniswap import routers
from jobs.uniswap.permit2 import permit2_approve
from jobs.uniswap.quotes import LimitedQuote
from jobs.uniswap.swap_call import SwapCall, Trade


class Quote(Protocol):
    """What the venue would pay now."""

    @property
    def read(self) -> Read: ...

    def amount_out(self, view: ChainView) -> int | None:
        """Return base units of the bought token; None when it failed or gives nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Market:
    """Where `sell` is swapped for `buy`; both have contracts."""

    venue: VenueFields
    sell: Token
    buy: Token

    @property
    def sold(self) -> Address:
        """The contract of the sold token."""
        return contract_of(self.sell)

    @property
    def bought(self) -> Address:
        """The contract of the bought token."""
        return contract_of(self.buy)

    @property
    def spender(self) -> Address:
        """Who pulls the sold token."""
        return self.venue.permit2 if self.venue.is_universal else self.venue.address

    def arriving(self, amount: int) -> int:
        """Return what of `amount` of the sold token arrives at the pool, after the token's own fee."""
        return amount * (ALL_BPS - self.venue.sell_token_fee_bps) // ALL_BPS

    def received(self, amount: int) -> int:
        """Return what of `amount` of the bought token arrives at the account, after the token's own fee."""
        return amount * (ALL_BPS - self.venue.buy_token_fee_bps) // ALL_BPS

    def quote(self, amount: int) -> Quote:
        """Return what selling `amount` would bring, before the bought token's own fee."""
        venue, arriving = self.venue, self.arriving(amount)
        if venue.is_v2:
            return UniswapV2Quote(venue.quotes_by, self.sell, self.buy, arriving, venue.via)
        return UniswapV3Quote(venue.quotes_by, self.sell, self.buy, arriving, venue.fees, venue.via)

    def limited_quote(self, amount: int, price_limit: int) -> Quote:
        """Return what the only pool would pay up to a price limit."""
        (fee,) = self.venue.fees
        return LimitedQuote(self.venue.quotes_by, self.sold, self.bought, amount, fee, price_limit)

    def approvals(self, amount: int) -> tuple[Call, ...]:
        """Return the calls that let the router have `amount`, and nobody more."""
        token = erc20.approve(self.sold, self.spender, amount)
        if not self.venue.is_universal:
            return (token,)
        return token, permit2_approve(self.venue.permit2, self.sold, self.venue.address, amount)

    def swap(self, trade: Trade) -> SwapCall:
        """Return the router's call."""
        router, fees = self.venue.address, self.venue.fees
        path = (self.sold, *self.venue.via, self.bought)
        match self.venue.router:
            case Router.V2:
                any_token = bool(self.venue.sell_token_fee_bps or self.venue.buy_token_fee_bps)
                return routers.v2_swap(router, path, trade, any_token=any_token)
            case Router.V3:
                return self._v3(trade)
            case Router.V3_02:
                return self._v3_02(trade)
            case Router.UNIVERSAL_V2:
                return routers.universal_v2(router, path, trade)
            case Router.UNIVERSAL_V3:
                return routers.universal_v3(router, path, fees, trade)
            case _ as never:
                assert_never(never)

    def _v3(self, trade: Trade) -> SwapCall:
        router, fees = self.venue.address, self.venue.fees
        if len(fees) == 1:
            return routers.exact_input_single(router, self.sold, self.bought, fees[0], trade)
        return routers.exact_input(router, (self.sold, *self.venue.via, self.bought), fees, trade)

    def _v3_02(self, trade: Trade) -> SwapCall:
        router, fees = self.venue.address, self.venue.fees
        if len(fees) == 1:
            return routers.exact_input_single_02(router, self.sold, self.bought, fees[0], trade)
        return routers.exact_input_02(router, (self.sold, *self.venue.via, self.bought), fees, trade)
