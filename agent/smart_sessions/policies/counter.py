"""A limit and what is used of it: the state of the policies that count one thing."""

from dataclasses import dataclass

from agent.domain.units import UINT256_MAX
from agent.smart_sessions.policies.policy import Allowed, Answer, Charge, Part, Refused, words_of
from agent.smart_sessions.reverts import ARITHMETIC_PANIC


@dataclass(frozen=True, slots=True)
class Counter:
    """`used` never exceeds `limit` on chain."""

    limit: int
    used: int = 0

    def part(self, unit: str, name: str = "") -> Part:
        """Return it as a named part of a policy."""
        return Part(name, self.limit, self.used, unit)

    def plus(self, amount: int) -> "Counter":
        """Return it with more used."""
        return Counter(self.limit, self.used + amount)


def take(counter: Counter, amount: int, code: str, remedy: str) -> Answer:
    """Take an amount from a counter with the contract's checked arithmetic."""
    total = counter.used + amount
    if total <= counter.limit:
        return Allowed(counter.plus(amount), (Charge("", amount),))
    revert = ARITHMETIC_PANIC if total > UINT256_MAX else None
    return Refused(code, remedy, asked=amount, left=max(0, counter.limit - counter.used), revert=revert)


def counter_from(answer: bytes | None) -> Counter:
    """Read a view that answers (limit, used)."""
    limit, used = words_of(answer, 2)
    return Counter(limit, used)
