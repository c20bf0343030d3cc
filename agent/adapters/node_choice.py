"""Which node is asked first, and which head is acted on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

BELIEVED_AFTER_S = 600.0
"""A head below one seen before is believed when every node has shown no other for so long."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a node."""

    healthy: bool
    head: int
    """The newest block it has shown; -1 before the first."""


def in_order(nodes: Sequence[Shown], at: int = -1) -> tuple[int, ...]:
    """Return the places of all nodes: the healthy first, of those the ones that have block `at`."""
    return tuple(
        sorted(range(len(nodes)), key=lambda place: (not nodes[place].healthy, nodes[place].head < at, place))
    )


@dataclass(frozen=True, slots=True)
class HeadGuard:
    """The newest head that was acted on: nothing older is, whichever node shows it."""

    highest: int = -1
    below_since: float | None = None
    """Since when no node has shown as much."""

    def allows(self, number: int) -> bool:
        """Say whether a head may be acted on."""
        return number >= self.highest

    def seen(self, number: int) -> "HeadGuard":
        """Return the guard after a head that it allows."""
        return HeadGuard(max(number, self.highest))

    def all_below(self, best: int, now: float) -> "HeadGuard":
        """Return the guard after a round in which `best` was the newest of all nodes, and too old.

        A chain that went back for good, or a node that once showed a head from nowhere, must not stop
        everything for ever.
        """
        if self.below_since is None:
            return replace(self, below_since=now)
        return HeadGuard(best) if now - self.below_since >= BELIEVED_AFTER_S else self
