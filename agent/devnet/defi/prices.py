"""Prices as Uniswap v3 keeps them, in integers alone."""

from math import isqrt

Q192 = 2**192
MIN_SQRT_PRICE = 4_295_128_739
MAX_SQRT_PRICE = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342


def sqrt_price_x96(amount0: int, amount1: int) -> int:
    """Return floor(sqrt(amount1 / amount0) * 2**96) for amounts of equal value, in base units."""
    return isqrt(amount1 * Q192 // amount0)


def amount1_for(amount0: int, sqrt_price: int) -> int:
    """Return what `amount0` is worth in base units of token1, rounded down."""
    return amount0 * sqrt_price * sqrt_price // Q192


def amount0_for(amount1: int, sqrt_price: int) -> int:
    """Return what `amount1` is worth in base units of token0, rounded down."""
    return amount1 * Q192 // (sqrt_price * sqrt_price)


def nearest_tick(tick: int, spacing: int) -> int:
    """Return the usable tick at or below this one."""
    return tick // spacing * spacing
