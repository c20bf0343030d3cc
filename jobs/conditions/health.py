"""Health factors of loans."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from agent.domain.evaluation import ChainView, Read
from agent.domain.keccak import keccak256
from agent.domain.token import decimal_text
from agent.domain.units import UINT256_MAX, Address, Timestamp
from jobs import erc20
from jobs.conditions.source import Claim, words
from jobs.conditions.verdict import Unknown

ONE = 10**18
"""A health factor of 1: below it the loan can be liquidated."""
_ACCOUNT_DATA = keccak256(b"getUserAccountData(address)")[:4]


class HealthSource(Protocol):
    """Where a health factor comes from, in parts of 10**18; UINT256_MAX stands for no debt."""

    def reads(self) -> tuple[Read, ...]: ...

    def health(self, view: ChainView) -> int | Unknown: ...


@dataclass(frozen=True, slots=True)
class AaveV3Health:
    """`getUserAccountData` of an Aave v3 pool."""

    pool: Address
    account: Address

    def reads(self) -> tuple[Read, ...]:
        return (Read(self.pool, _ACCOUNT_DATA + erc20.word(self.account), "account data"),)

    def health(self, view: ChainView) -> int | Unknown:
        # A dead oracle makes the pool revert: that is unknown, and far from fine.
        data = words(view, self.reads()[0], 6)
        if data is None:
            return Unknown("health_unknown", f"the pool {self.pool} does not tell the account's health")
        debt, health = data[1], data[5]
        return UINT256_MAX if debt == 0 else health


@dataclass(frozen=True, slots=True)
class Healthy:
    """A health factor as a condition looks at it."""

    source: HealthSource
    independent = True

    def reads(self) -> tuple[Read, ...]:
        return self.source.reads()

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def value(self, view: ChainView) -> int | Unknown:
        return self.source.health(view)

    def turns_at(self, view: ChainView) -> Timestamp | None:
        return None

    def text(self, value: Fraction | int) -> str:
        return "that of no debt" if value == UINT256_MAX else decimal_text(int(value), 18)
