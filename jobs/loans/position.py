"""A position in a lending market as numbers, and how much of a token brings it to a health factor. Pure.

All in exact fractions: nothing is rounded but the amount, and that up. With S the collateral weighted by
its liquidation thresholds and D the debt, both in the market's unit of account, the health factor is S / D.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil

from agent.domain.units import UINT256_MAX

NO_DEBT = Fraction(UINT256_MAX, 10**18)
"""The health factor of an account that owes nothing; Aave answers the same number."""

FULL_MARGIN = Fraction(1, 1000)
"""On top of a debt that is paid back whole: for its interest until a block includes the operation."""


class Means(StrEnum):
    """What a loan is made safer with."""

    WALLET = "wallet"
    """The debt's token in the account pays debt back."""
    ATOKENS = "atokens"
    """What the account has lent of the debt's token pays debt back."""
    COLLATERAL = "collateral"
    """Another token in the account is added to the collateral."""


@dataclass(frozen=True, slots=True)
class Position:
    """An account in a market at one block; values are in the market's own unit of account."""

    weighted: Fraction
    """Collateral times its liquidation thresholds."""
    debt: Fraction
    """All that is owed, of every token."""
    unit_value: Fraction
    """Of one base unit of the token that is paid in; above zero."""
    threshold: Fraction
    """Of that token as collateral of this account, 0 to 1; zero where it is none."""
    owed: int
    """Debt in that token, base units; zero where collateral is added."""
    held: int
    """What the account can pay in, base units: in its wallet, or lent."""
    counted: int = 0
    """What the payment changes, base units: the debt in that token, or the collateral in it."""
    allowance: int = UINT256_MAX
    """What the market may take of the wallet, base units."""
    shares: int = 0
    """The debt in the market's own shares, where it counts in those."""

    @property
    def health(self) -> Fraction:
        """The health factor; NO_DEBT without debt."""
        return self.weighted / self.debt if self.debt else NO_DEBT


def needed(position: Position, means: Means, aim: Fraction) -> int:
    """Return the base units that bring the health factor to `aim`, rounded up; 0 when it is there.

    Paid back from outside, X = D - S/H; from what is lent, X = (H D - S)/(H - t); added as collateral,
    X = (H D - S)/t; in the unit of account. `aim` is above one, so above any threshold.
    """
    missing = aim * position.debt - position.weighted
    if missing <= 0:
        return 0
    if means is Means.WALLET:
        value = missing / aim
    elif means is Means.ATOKENS:
        value = missing / (aim - position.threshold)
    else:
        value = missing / position.threshold
    return ceil(value / position.unit_value)


def health_after(position: Position, means: Means, amount: int) -> Fraction:
    """Return the health factor once so many base units are paid in; what is above the debt is not taken."""
    if means is Means.COLLATERAL:
        gained = amount * position.unit_value * position.threshold
        return (position.weighted + gained) / position.debt if position.debt else NO_DEBT
    paid = min(amount, position.owed) * position.unit_value
    debt = position.debt - paid
    lost = paid * position.threshold if means is Means.ATOKENS else Fraction(0)
    return (position.weighted - lost) / debt if debt > 0 else NO_DEBT


def whole(owed: int) -> int:
    """Return what is enough to pay back a debt: the debt, and FULL_MARGIN rounded up."""
    return ceil(owed * (1 + FULL_MARGIN))


def payable(means: Means, held: int, owed: int) -> int:
    """Return the base units that an account has and the market takes."""
    return held if means is Means.COLLATERAL else min(held, whole(owed))


def is_above(one: Fraction, other: Fraction) -> bool:
    """Compare two ratios; a third of the time that `>` takes, and every loan is compared at every block."""
    return one.numerator * other.denominator > other.numerator * one.denominator


def decimal_of(ratio: Fraction, places: int = 4) -> str:
    """Write a ratio for people, rounded down, so that 0.99999 does not read as one."""
    whole, rest = divmod(ratio.numerator * 10**places // ratio.denominator, 10**places)
    return f"{whole}.{rest:0{places}d}"
