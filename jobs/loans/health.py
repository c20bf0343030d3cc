"""The health factor of a loan as conditions look at it."""

from dataclasses import dataclass
from fractions import Fraction

from agent.domain.evaluation import ChainView, Read
from agent.domain.units import UINT256_MAX, Address
from jobs.conditions.verdict import Unknown
from jobs.loans.market import LoanMarket
from jobs.loans.packing import Unreadable
from jobs.loans.position import NO_DEBT

ONE = 10**18
"""A health factor of 1."""


def health(market: LoanMarket, view: ChainView, account: Address) -> Fraction | Unknown:
    """Return the health factor of an account, NO_DEBT without debt, or why nobody can say."""
    try:
        return market.health(view, account)
    except Unreadable as cause:
        return Unknown(cause.code, cause.why)


@dataclass(frozen=True, slots=True)
class MarketHealth:
    """The health factor of one account in one market, in parts of ONE; UINT256_MAX without debt."""

    market: LoanMarket
    account: Address

    def reads(self) -> tuple[Read, ...]:
        """Return what it looks at, cheap enough for every block."""
        return self.market.health_reads(self.account)

    def health(self, view: ChainView) -> int | Unknown:
        """Return the factor, rounded down."""
        found = health(self.market, view, self.account)
        if isinstance(found, Unknown):
            return found
        return UINT256_MAX if found is NO_DEBT else int(found * ONE)
