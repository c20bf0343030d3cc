"""What several nodes agree on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vote:
    """One node's answer; values are compared as they are."""

    node: str
    value: object


@dataclass(frozen=True, slots=True)
class Agreed:
    """As many nodes as must agree gave this value."""

    value: object
    dissenters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disagreed:
    """Enough nodes answered and no value has enough of them."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooFew:
    """Fewer nodes answered than must agree."""

    answered: int


Outcome = Agreed | Disagreed | TooFew


def settle(votes: Sequence[Vote], quorum: int) -> Outcome:
    """Return what came of the votes; two values that both have enough nodes are no agreement."""
    backed: list[tuple[object, list[str]]] = []
    for vote in votes:
        same = next((nodes for value, nodes in backed if value == vote.value), None)
        if same is None:
            backed.append((vote.value, [vote.node]))
        else:
            same.append(vote.node)
    won = [value for value, nodes in backed if len(nodes) >= quorum]
    if len(won) == 1:
        return Agreed(won[0], tuple(vote.node for vote in votes if vote.value != won[0]))
    if len(votes) < quorum:
        return TooFew(len(votes))
    return Disagreed(tuple(vote.node for vote in votes))


def shared_height(numbers: Sequence[int], quorum: int) -> int | None:
    """Return the newest block that as many nodes have as must agree; None when too few answered."""
    return sorted(numbers, reverse=True)[quorum - 1] if len(numbers) >= quorum else None
