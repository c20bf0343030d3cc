"""A value of the chain against a level: prices, health factors, balances, results of calls."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token, decimal_text
from agent.domain.units import Timestamp
from agent.domain.watching import Again, Memory
from jobs.conditions.crossing import Crossed, Crossing
from jobs.conditions.source import Claim, PriceSource
from jobs.conditions.verdict import TRUE, Judged, Unknown, either

_PRICE_DIGITS = 10


class Valued(Protocol):
    """Where a number comes from."""

    @property
    def independent(self) -> bool: ...

    def reads(self) -> tuple[Read, ...]: ...

    def claims(self) -> tuple[Claim, ...]: ...

    def value(self, view: ChainView) -> Fraction | int | Unknown: ...

    def turns_at(self, view: ChainView) -> Timestamp | None:
        """Return the next time at which it may turn known or unknown though no answer changes."""
        ...

    def text(self, value: Fraction | int) -> str:
        """Write a value for a person."""
        ...


@dataclass(frozen=True, slots=True)
class Levelled:
    """A value at or below, or at or above, a level."""

    valued: Valued
    crossing: Crossing
    name: str
    """For codes: `price` makes `price_below`."""
    subject: str
    """For people: `the price of WETH`."""
    level_text: str

    @property
    def independent(self) -> bool:
        return self.valued.independent

    def reads(self) -> tuple[Read, ...]:
        return self.valued.reads()

    def claims(self) -> tuple[Claim, ...]:
        return self.valued.claims()

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        value = self.valued.value(view)
        crossed = self.crossing.look(value, view.block_number, memory)
        turns_at = self.valued.turns_at(view)
        again = crossed.again if turns_at is None else either(crossed.again, Again(at_time=turns_at))
        if isinstance(value, Unknown):
            return Judged(crossed.verdict, value.code, value.why, again, crossed.memory)
        text = self.valued.text(value)
        code, why = self._said(crossed, text)
        facts = {self.subject: text}
        return Judged(crossed.verdict, code, why, again, crossed.memory, facts, confirming=crossed.confirming)

    def _said(self, crossed: Crossed, text: str) -> tuple[str, str]:
        side = self.crossing.side
        why = f"{self.subject} is {text}, the level is {self.level_text}"
        if crossed.verdict is TRUE:
            return f"{self.name}_{side}", why
        if crossed.confirming:
            return f"{self.name}_confirming", f"{why}; it is {side}, not yet for enough blocks"
        return f"{self.name}_not_{side}", why


@dataclass(frozen=True, slots=True)
class Priced:
    """The price of one token in another."""

    source: PriceSource
    base: Token
    quote: Token

    @property
    def independent(self) -> bool:
        return self.source.independent

    def reads(self) -> tuple[Read, ...]:
        return self.source.reads()

    def claims(self) -> tuple[Claim, ...]:
        return self.source.claims()

    def value(self, view: ChainView) -> Fraction | Unknown:
        return self.source.price(view)

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return self.source.turns_at(view)

    def text(self, value: Fraction | int) -> str:
        return f"{price_text(Fraction(value), self.base, self.quote)} {self.quote.symbol}"


@dataclass(frozen=True, slots=True)
class Held:
    """A balance in base units, by a read of one word."""

    read: Read
    token: Token
    independent = True

    def reads(self) -> tuple[Read, ...]:
        return (self.read,)

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def value(self, view: ChainView) -> int | Unknown:
        held = view.uint(self.read)
        return (
            Unknown("balance_unknown", f"the {self.token.symbol} balance cannot be read")
            if held is None
            else held
        )

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return None

    def text(self, value: Fraction | int) -> str:
        return f"{decimal_text(int(value), self.token.decimals)} {self.token.symbol}"


def price_text(price: Fraction, base: Token, quote: Token) -> str:
    """Write what one whole base token costs in whole quote tokens, cut after ten digits."""
    whole = price.numerator * 10**base.decimals
    unit = price.denominator * 10**quote.decimals
    # As many decimals as it takes to show ten digits; a price of thousands keeps six of them.
    places = max(
        0, _PRICE_DIGITS - len(str(whole // unit)) + (len(str(unit // whole)) - 1 if whole < unit else 0)
    )
    return decimal_text(whole * 10**places // unit, places)
