"""What every lending protocol's adapter answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from agent.domain.call import Call
from agent.domain.evaluation import ChainView, Read
from agent.domain.possible_call import PossibleCall
from agent.domain.requirement import ActionRequirement
from agent.domain.token import Token
from agent.domain.units import Address
from jobs.kind import EventLog
from jobs.loans.packing import WORD, Unreadable
from jobs.loans.position import Means, Position


@dataclass(frozen=True, slots=True)
class Payment:
    """What is paid in, and how much of it at most at a time (base units)."""

    means: Means
    token: Token
    most: int

    @property
    def asset(self) -> Address:
        """The token's contract; raises ValueError for the chain's own coin, which no market takes."""
        if self.token.address is None:
            raise ValueError(f"{self.token.symbol} has no contract")
        return self.token.address


NONE = Fraction(0)
"""The liquidation threshold of what is no collateral."""


def sound_threshold(threshold: Fraction, payment: Payment) -> Fraction:
    """Return a liquidation threshold; raise Unreadable for one that no collateral can have."""
    if threshold > 1 or (threshold == 0 and payment.means is Means.COLLATERAL):
        why = f"the liquidation threshold of {payment.token.symbol} is {float(threshold):g}"
        raise Unreadable("threshold_unsound", why)
    return threshold


@dataclass(frozen=True, slots=True)
class Proof:
    """The event that shows an amount paid in for the account."""

    emitter: Address
    topics: tuple[bytes | None, ...]
    """What its topics must be; None takes any."""
    amount_word: int
    """Which word of the data is the amount."""

    def shown_by(self, log: EventLog) -> bool:
        """Say whether a log is such an event."""
        if log.address != self.emitter or len(log.topics) != len(self.topics):
            return False
        return all(wanted in (None, found) for wanted, found in zip(self.topics, log.topics, strict=True))

    def amount_in(self, log: EventLog) -> int:
        """Return the base units that the event tells."""
        start = WORD * self.amount_word
        return int.from_bytes(log.data[start : start + WORD], "big")


class LoanMarket(Protocol):
    """One market of one protocol, as the account that has the loan sees it.

    Accounts are asked for, not kept: one market serves the jobs of many.
    """

    @property
    def name(self) -> str:
        """The protocol, as the files call it."""
        ...

    @property
    def means(self) -> frozenset[Means]:
        """What it takes."""
        ...

    def identity(self) -> Mapping[str, str]:
        """Return which market it is."""
        ...

    def objection(self, payment: Payment) -> str:
        """Return why it cannot take this; empty when it can."""
        ...

    def health_reads(self, account: Address) -> tuple[Read, ...]:
        """Return what `health` looks at: cheap, made at every block."""
        ...

    def health(self, view: ChainView, account: Address) -> Fraction:
        """Return the health factor, NO_DEBT without debt; raise Unreadable."""
        ...

    def state_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        """Return what `barred` and `payable` look at: cheap, made at every block."""
        ...

    def barred(self, view: ChainView, payment: Payment) -> str:
        """Return the code of what forbids paying in now, empty when nothing does; raise Unreadable."""
        ...

    def payable(self, view: ChainView, payment: Payment, account: Address) -> int:
        """Return the most base units that the account has and the market would take; raise Unreadable."""
        ...

    def owed(self, view: ChainView, payment: Payment, account: Address) -> int:
        """Return the debt in what is paid back, base units, by the reads of `payable`; raise Unreadable."""
        ...

    def position_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        """Return what `position` looks at."""
        ...

    def position(self, view: ChainView, payment: Payment, account: Address) -> Position:
        """Return the whole position; raise Unreadable."""
        ...

    def calls(self, position: Position, payment: Payment, account: Address, amount: int) -> tuple[Call, ...]:
        """Return the calls that pay in `amount` base units and take no more than that from the account.

        Where that covers the whole debt and its margin, all is paid back in the way of the protocol.
        """
        ...

    def requirements(self, payment: Payment, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        """Return the least a session must allow for so many payments."""
        ...

    def possible(self, payment: Payment, account: Address) -> tuple[PossibleCall, ...]:
        """Return all that one payment can be."""
        ...

    def counted_reads(self, payment: Payment, account: Address) -> tuple[Read, ...]:
        """Return what `counted` looks at; no price among it, so that a dead oracle hides nothing."""
        ...

    def counted(self, view: ChainView, payment: Payment, account: Address) -> int:
        """Return what the payment changes, base units; right after it was made. Raise Unreadable.

        The debt in the payment's token, or the collateral in it.
        """
        ...

    def proof(self, payment: Payment, account: Address) -> Proof:
        """Return the event that shows the payment."""
        ...
