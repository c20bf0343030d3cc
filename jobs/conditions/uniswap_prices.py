"""Prices from Uniswap v2 and v3: time-weighted, spot, and what a trade would get."""

from dataclasses import dataclass, field
from fractions import Fraction

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, Timestamp
from jobs.conditions.source import Claim, contract_of, signed, unread, words
from jobs.conditions.ticks import MAX_TICK, MIN_TICK, Q96, mean_tick, sqrt_ratio_at_tick
from jobs.conditions.verdict import Unknown
from jobs.uniswap.packing import address_array, blob, selector, v3_path
from jobs.uniswap.packing import words as packed
from jobs.uniswap.quotes import QUOTE_SINGLE

_OBSERVE = selector("observe(uint32[])")
_SLOT0 = selector("slot0()")
_GET_RESERVES = selector("getReserves()")
_TOKEN0 = selector("token0()")
_TOKEN1 = selector("token1()")
_QUOTE_PATH = selector("quoteExactInput(bytes,uint256)")
_AMOUNTS_OUT = selector("getAmountsOut(uint256,address[])")


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two tokens in one pool or pair, which sorts them by address."""

    pool: Address
    base: Token
    quote: Token

    def __post_init__(self) -> None:
        if contract_of(self.base) == contract_of(self.quote):
            raise ValueError(f"{self.base.symbol} has no price in itself")

    @property
    def base_is_token0(self) -> bool:
        return contract_of(self.base) < contract_of(self.quote)

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return None

    def claims(self) -> tuple[Claim, ...]:
        first, second = sorted((contract_of(self.base), contract_of(self.quote)))
        return (
            Claim(Read(self.pool, _TOKEN0, "token0"), int.from_bytes(first, "big"), f"token0 of {self.pool}"),
            Claim(
                Read(self.pool, _TOKEN1, "token1"), int.from_bytes(second, "big"), f"token1 of {self.pool}"
            ),
        )

    def _of_sqrt(self, sqrt_price_x96: int) -> Fraction:
        token1_per_token0 = Fraction(sqrt_price_x96 * sqrt_price_x96, Q96 * Q96)
        return token1_per_token0 if self.base_is_token0 else 1 / token1_per_token0


@dataclass(frozen=True, slots=True)
class UniswapV3Twap(_Pair):
    """The geometric mean price of a v3 pool over a window, by its own observations."""

    window_s: int = 1800
    independent = True

    def __post_init__(self) -> None:
        # super() without arguments finds the wrong class in a dataclass with slots.
        _Pair.__post_init__(self)
        if not 0 < self.window_s < 2**32:
            raise ValueError(f"a window of {self.window_s} s cannot be observed")

    def reads(self) -> tuple[Read, ...]:
        return (self._read,)

    def price(self, view: ChainView) -> Fraction | Unknown:
        answer = view.values.get(self._read)
        if not answer:
            # A pool whose oldest observation is younger than the window reverts with OLD.
            return unread(f"the mean price of {self.pool} over {self.window_s} s")
        cumulatives = _first_array(answer, 2)
        if cumulatives is None:
            return unread(f"the mean price of {self.pool} over {self.window_s} s")
        tick = mean_tick(signed(cumulatives[0]), signed(cumulatives[1]), self.window_s)
        if not MIN_TICK <= tick <= MAX_TICK:
            return Unknown("price_impossible", f"the mean tick {tick} of {self.pool} is off the scale")
        return self._of_sqrt(sqrt_ratio_at_tick(tick))

    def turns_at(self, view: ChainView) -> Timestamp | None:
        # The mean moves with every second, and its read with it: the answer itself changes.
        return None

    @property
    def _read(self) -> Read:
        data = _OBSERVE + packed(32, 2, self.window_s, 0)
        return Read(self.pool, data, f"mean price over {self.window_s} s")


@dataclass(frozen=True, slots=True)
class UniswapV3Spot(_Pair):
    """The momentary price of a v3 pool: one trade moves it."""

    independent = False

    def reads(self) -> tuple[Read, ...]:
        return (self._read,)

    def price(self, view: ChainView) -> Fraction | Unknown:
        sqrt_price_x96 = view.uint(self._read)
        if sqrt_price_x96 is None:
            return unread(f"the price of {self.pool}")
        if not 0 < sqrt_price_x96 < 2**160:
            return Unknown("price_impossible", f"the pool {self.pool} has no price yet")
        return self._of_sqrt(sqrt_price_x96)

    @property
    def _read(self) -> Read:
        return Read(self.pool, _SLOT0, "spot price")


@dataclass(frozen=True, slots=True)
class UniswapV2Spot(_Pair):
    """The momentary price of a v2 pair by its reserves: one trade moves it."""

    independent = False

    def reads(self) -> tuple[Read, ...]:
        return (self._read,)

    def price(self, view: ChainView) -> Fraction | Unknown:
        reserves = words(view, self._read, 2)
        if reserves is None:
            return unread(f"the reserves of {self.pool}")
        if 0 in reserves:
            return Unknown("price_impossible", f"the pair {self.pool} is empty")
        base, quote = reserves if self.base_is_token0 else reserves[::-1]
        return Fraction(quote, base)

    @property
    def _read(self) -> Read:
        return Read(self.pool, _GET_RESERVES, "reserves")


@dataclass(frozen=True, slots=True)
class _Quote:
    """What a trade of `amount` would get now, as a price; fees and slippage are in it."""

    asked: Address
    """Who quotes."""
    base: Token
    quote: Token
    amount: int
    """Base units that go in: of `base`, or of `quote` where `buying`."""
    buying: bool = field(default=False, kw_only=True)
    independent = False

    @property
    def read(self) -> Read:
        """The call that quotes."""
        raise NotImplementedError

    def amount_out(self, view: ChainView) -> int | None:
        """Return the base units that would come out; None when the quote failed or gives nothing."""
        raise NotImplementedError

    def reads(self) -> tuple[Read, ...]:
        return (self.read,)

    def price(self, view: ChainView) -> Fraction | Unknown:
        amount_out = self.amount_out(view)
        if amount_out is None:
            return Unknown("quote_failed", f"{self.asked} quotes nothing for {self.amount} base units")
        return Fraction(self.amount, amount_out) if self.buying else Fraction(amount_out, self.amount)

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return None

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def _route(self, via: tuple[Address, ...]) -> tuple[Address, ...]:
        into, out_of = (self.quote, self.base) if self.buying else (self.base, self.quote)
        return contract_of(into), *via, contract_of(out_of)


@dataclass(frozen=True, slots=True)
class UniswapV3Quote(_Quote):
    """QuoterV2's quote."""

    fees: tuple[int, ...] = (3000,)
    """Of each pool on the way, in hundredths of a basis point, from the token that goes in."""
    via: tuple[Address, ...] = ()
    """Tokens between the pools."""

    def __post_init__(self) -> None:
        if self.amount < 1 or len(self.fees) != len(self.via) + 1:
            raise ValueError("a quote is for an amount, with one fee for each pool")
        if not all(0 <= fee < 2**24 for fee in self.fees):
            raise ValueError(f"fees {self.fees} do not fit into 24 bits")

    @property
    def read(self) -> Read:
        route = self._route(self.via)
        if not self.via:
            data = QUOTE_SINGLE + packed(*route, self.amount, self.fees[0], 0)
        else:
            data = _QUOTE_PATH + packed(64, self.amount) + blob(v3_path(route, self.fees))
        return Read(self.asked, data, "quote")

    def amount_out(self, view: ChainView) -> int | None:
        return view.uint(self.read) or None


@dataclass(frozen=True, slots=True)
class UniswapV2Quote(_Quote):
    """A v2 router's quote."""

    via: tuple[Address, ...] = ()
    """Tokens between the pairs."""

    def __post_init__(self) -> None:
        if self.amount < 1:
            raise ValueError("a quote is for an amount")

    @property
    def read(self) -> Read:
        data = _AMOUNTS_OUT + packed(self.amount, 64) + address_array(self._route(self.via))
        return Read(self.asked, data, "quote")

    def amount_out(self, view: ChainView) -> int | None:
        answer = view.values.get(self.read)
        amounts = _first_array(answer, len(self.via) + 2) if answer else None
        return (amounts[-1] or None) if amounts else None


def _first_array(answer: bytes, count: int) -> tuple[int, ...] | None:
    """Return the first value of an answer, an array of exactly so many words."""
    at = int.from_bytes(answer[:32], "big")
    end = at + 32 + 32 * count
    if len(answer) < end or int.from_bytes(answer[at : at + 32], "big") != count:
        return None
    return tuple(int.from_bytes(answer[start : start + 32], "big") for start in range(at + 32, end, 32))
