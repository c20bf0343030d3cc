"""What must come in at least, in integers: every rounding is to the owner's favour."""

from fractions import Fraction
from math import isqrt

from jobs.swaps.fields import ALL_BPS

MIN_SQRT_PRICE = 4295128739
MAX_SQRT_PRICE = 1461446703485210103287273052203988822378723970342
"""A v3 pool takes price limits between these two, both excluded (TickMath)."""
FEE_UNITS = 10**6
"""A v3 fee is in hundredths of a basis point."""


def least_for(amount: int, rate: Fraction) -> int:
    """Return the least whole number of base units that is no worse than the rate."""
    return -(-amount * rate.numerator // rate.denominator)


def less(rate: Fraction, slippage_bps: int) -> Fraction:
    """Return the rate less so many basis points."""
    return rate * (ALL_BPS - slippage_bps) / ALL_BPS


def price_limit(rate: Fraction, fee: int, *, sells_token0: bool) -> int:
    """Return `sqrtPriceLimitX96` at which one more unit would bring less than the rate, the fee paid.

    `rate` is bought per sold, `fee` the pool's in hundredths of a basis point. A pool's price is token1 per
    token0: selling token0 lowers it, selling token1 raises it.
    """
    pool_rate = rate * FEE_UNITS / (FEE_UNITS - fee)
    if sells_token0:
        squared = pool_rate * 2**192
        # The price stops no lower than this.
        return _root_up(-(-squared.numerator // squared.denominator))
    squared = 2**192 / pool_rate
    return isqrt(squared.numerator // squared.denominator)


def _root_up(number: int) -> int:
    root = isqrt(number)
    return root + (root * root < number)
