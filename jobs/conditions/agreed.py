"""Two sources of a price that must agree."""

from dataclasses import dataclass
from fractions import Fraction

from agent.domain.evaluation import ChainView, Read
from agent.domain.units import Timestamp
from jobs.conditions.source import Claim, PriceSource
from jobs.conditions.verdict import Unknown


@dataclass(frozen=True, slots=True)
class Agreed:
    """Two sources of which neither counts alone: known while they differ by at most so much."""

    first: PriceSource
    second: PriceSource
    max_deviation_bps: int

    def __post_init__(self) -> None:
        if self.max_deviation_bps < 0:
            raise ValueError(f"a deviation of {self.max_deviation_bps} bps is no limit")

    @property
    def independent(self) -> bool:
        """Whether one of them is: who moves the other alone makes them disagree."""
        return self.first.independent or self.second.independent

    def reads(self) -> tuple[Read, ...]:
        return tuple(dict.fromkeys((*self.first.reads(), *self.second.reads())))

    def price(self, view: ChainView) -> Fraction | Unknown:
        """Return the first source's price, or the second's where that one alone is independent."""
        first, second = self.first.price(view), self.second.price(view)
        if isinstance(first, Unknown):
            return first
        if isinstance(second, Unknown):
            return second
        apart = deviation_bps(first, second)
        if apart > self.max_deviation_bps:
            why = f"two sources differ by {float(apart):.1f} bps, {self.max_deviation_bps} bps are allowed"
            return Unknown("prices_disagree", why)
        return second if self.second.independent and not self.first.independent else first

    def turns_at(self, view: ChainView) -> Timestamp | None:
        times = (self.first.turns_at(view), self.second.turns_at(view))
        return min((time for time in times if time is not None), default=None)

    def claims(self) -> tuple[Claim, ...]:
        return (*self.first.claims(), *self.second.claims())


def deviation_bps(one: Fraction, other: Fraction) -> Fraction:
    """Return how far two positive prices are apart, in hundredths of a percent of the lower one."""
    return abs(one - other) * 10_000 / min(one, other)
