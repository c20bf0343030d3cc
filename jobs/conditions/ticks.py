"""Uniswap v3's tick arithmetic, in integers and to the last bit."""

MIN_TICK = -887_272
MAX_TICK = 887_272
Q96 = 2**96

# sqrt(1.0001)^-(2^i) in Q128.128, for i = 0..19: the constants of TickMath.getSqrtRatioAtTick.
_FACTORS = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x09AA508B5B7A84E1C677DE54F3E99BC9,
    0x005D6AF8DEDB81196699C329225EE604,
    0x00002216E584F5FA1EA926041BEDFE98,
    0x00000000048A170391F7DC42444E8FA2,
)


def sqrt_ratio_at_tick(tick: int) -> int:
    """Return sqrt(1.0001^tick) as Q64.96, as TickMath.getSqrtRatioAtTick; raise ValueError off the scale."""
    if not MIN_TICK <= tick <= MAX_TICK:
        raise ValueError(f"tick {tick} lies outside {MIN_TICK} to {MAX_TICK}")
    distance, ratio = abs(tick), 1 << 128
    for bit, factor in enumerate(_FACTORS):
        if distance >> bit & 1:
            ratio = ratio * factor >> 128
    if tick > 0:
        ratio = (2**256 - 1) // ratio
    # From Q128.128 to Q64.96, rounded up.
    return (ratio >> 32) + (ratio % (1 << 32) != 0)


def mean_tick(earlier: int, later: int, seconds: int) -> int:
    """Return the mean tick between two cumulatives of `observe`, floored, as OracleLibrary.consult.

    Cumulatives are int56 and wrap around.
    """
    delta = (later - earlier + 2**55) % 2**56 - 2**55
    return delta // seconds
