"""What a source of prices is, whatever it reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from agent.domain.evaluation import ChainView, Read
from agent.domain.token import Token
from agent.domain.units import Address, Timestamp
from jobs.conditions.verdict import Unknown

WORD = 32


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the file says of a contract that the chain can refute, such as a feed's decimals.

    It never changes, so it is not read at every block: check it before acting.
    """

    read: Read
    expected: int
    what: str


class PriceSource(Protocol):
    """Where a price comes from. A price is base units of the quote token per base unit of the base token."""

    @property
    def independent(self) -> bool:
        """Whether one trade cannot move it: False for spot and quotes, which trigger no stop alone."""
        ...

    def reads(self) -> tuple[Read, ...]: ...

    def price(self, view: ChainView) -> Fraction | Unknown:
        """Return the price at the view's block, above zero, or why nobody can say."""
        ...

    def turns_at(self, view: ChainView) -> Timestamp | None:
        """Return the next time at which the price may turn known or unknown though no answer changes."""
        ...

    def claims(self) -> tuple[Claim, ...]: ...


def refuted(claims: Iterable[Claim], view: ChainView) -> Unknown | None:
    """Return the first claim that the chain does not bear out; a failed read refutes nothing, and is one."""
    for claim in claims:
        found = view.uint(claim.read)
        if found != claim.expected:
            said = "nothing" if found is None else found
            return Unknown(
                "contract_differs", f"{claim.what}: the file says {claim.expected}, the chain {said}"
            )
    return None


def words(view: ChainView, read: Read, count: int) -> tuple[int, ...] | None:
    """Return the first words of an answer as unsigned numbers; None when the read failed or is short."""
    value = view.values.get(read)
    if value is None or len(value) < count * WORD:
        return None
    return tuple(int.from_bytes(value[at : at + WORD], "big") for at in range(0, count * WORD, WORD))


def word_at(view: ChainView, read: Read, index: int) -> int | None:
    """Return one word of an answer as an unsigned number; None when the read failed or is short."""
    value, at = view.values.get(read), index * WORD
    if value is None or len(value) < at + WORD:
        return None
    return int.from_bytes(value[at : at + WORD], "big")


def signed(word: int) -> int:
    """Return an int256 of its unsigned word."""
    return word - 2**256 if word >> 255 else word


def contract_of(token: Token) -> Address:
    """Return a token's contract; raise ValueError for the chain's own coin, which no pool holds."""
    if token.address is None:
        raise ValueError(f"{token.symbol} has no contract: pools hold its wrapped token")
    return token.address


def unread(what: str) -> Unknown:
    """Return that a read failed."""
    return Unknown("price_unreadable", f"{what} cannot be read")
