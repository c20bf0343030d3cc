"""Tokens and amounts of them, in base units."""

from dataclasses import dataclass

from agent.domain.units import Address


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
    # Watched jobs write thousands of amounts in a block: no arithmetic, only the digits cut in two.
    digits = str(abs(base_units)).zfill(decimals + 1)
    point = len(digits) - decimals
    whole, part = digits[:point], digits[point:].rstrip("0")
    text = f"{whole}.{part}" if part else whole
    return f"-{text}" if base_units < 0 else text
