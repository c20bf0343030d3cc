"""What one v3 pool would pay now up to a price. A quote can be moved by anybody for one block."""

from dataclasses import dataclass

from agent.domain.evaluation import ChainView, Read
from agent.domain.units import Address
from jobs.uniswap.packing import selector, words

QUOTE_SINGLE = selector("quoteExactInputSingle((address,address,uint256,uint24,uint160))")


@dataclass(frozen=True, slots=True)
class LimitedQuote:
    """QuoterV2's answer for as much of an amount as the pool takes before its price is at the limit."""

    quoter: Address
    sell: Address
    buy: Address
    amount: int
    fee: int
    """Of the pool, in hundredths of a basis point."""
    price_limit: int
    """`sqrtPriceLimitX96`."""

    @property
    def read(self) -> Read:
        """The call of the quoter; it fails when the price is at the limit already."""
        fields = words(self.sell, self.buy, self.amount, self.fee, self.price_limit)
        return Read(self.quoter, QUOTE_SINGLE + fields, "quote up to the limit")

    def amount_out(self, view: ChainView) -> int | None:
        """Return the base units that would come out; None when the quote failed or gives nothing."""
        return view.uint(self.read) or None
