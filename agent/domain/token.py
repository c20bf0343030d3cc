"""Tokens and amounts of them, in base units."""

from dataclasses import dataclass
from decimal import Context, Decimal

from agent.domain.units import Address

# 2^256 has 78 digits; the default context would round away the last fifty.
_EXACT = Context(prec=200)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the configuration names it; `address` None is the chain's own coin."""

    symbol: str
    address: Address | None
    decimals: int


@dataclass(frozen=True, slots=True)
class TokenAmount:
    """So many base units of a token."""

    token: Token
    base_units: int

    def __str__(self) -> str:
        return f"{decimal_text(self.base_units, self.token.decimals)} {self.token.symbol}"


def decimal_text(base_units: int, decimals: int) -> str:
    """Write base units as a decimal number without loss."""
    return f"{Decimal(base_units).scaleb(-decimals, _EXACT).normalize(_EXACT):f}"
