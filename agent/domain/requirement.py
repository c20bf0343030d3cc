"""What a session must allow so that a job can run, as data; policies are made of it elsewhere."""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.session import Selector
from agent.domain.units import Address, Wei


class Comparison(StrEnum):
    """How an argument is held against the value of its rule."""

    EQUAL = "equal"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """A limit on one 32-byte word of the call data; `offset` counts from behind the selector."""

    name: str
    offset: int
    comparison: Comparison
    value: int


@dataclass(frozen=True, slots=True)
class ActionRequirement:
    """One function of one contract that the job calls."""

    target: Address
    selector: Selector
    """`ffffffff` for a plain transfer of the chain's coin."""
    uses: int
    """Calls in all: periods and the declared headroom for retries."""
    rules: tuple[ArgumentRule, ...] = ()
    value_per_use_wei: Wei = Wei(0)
    token: Address | None = None
    """The ERC-20 token that leaves the account, if any."""
    token_total: int = 0
    """Base units of `token` over all uses."""

    @property
    def value_total_wei(self) -> Wei:
        """The chain's coin that may leave over all uses."""
        return Wei(self.value_per_use_wei * self.uses)
