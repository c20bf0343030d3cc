"""One seed's chances: which faults there are at all, how often each, and a count of those that struck."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the catalogue as the simulation draws it."""

    code: str
    what: str
    most: float
    """The highest chance that a run may give it at each opportunity."""


class Trace:
    """What happened, in order: always as a digest, and as lines when somebody wants to read them."""

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._all: list[str] = []

    def note(self, at_s: float, *what: object) -> None:
        """Add one event."""
        self._all.append(f"{at_s:9.3f} {' '.join(map(str, what))}\n")

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, a line each, if somebody wants to read it."""
        return tuple(line[:-1] for line in self._all) if self._keep else ()

    @property
    def digest(self) -> str:
        """The digest of everything so far, 16 hex characters."""
        return blake2b("".join(self._all).encode(), digest_size=8).hexdigest()


class Dice:
    """Draws from the seed alone."""

    def __init__(self, seed: int, faults: Mapping[str, Fault]) -> None:
        self.random = Random(seed)
        self.struck: Counter[str] = Counter()
        self.quiet = False
        """Once true no fault strikes any more."""
        # Few kinds at a time and often: all of them at once would only ever show the same ending.
        kinds = list(faults)
        chosen = self.random.sample(kinds, self.random.randint(1, min(9, len(kinds))))
        self._chance = {
            code: self.random.choice((0.1, 0.3, 1.0)) * faults[code].most for code in kinds if code in chosen
        }
        """By code; what this run has not chosen never strikes."""
        self._draw = self.random.random

    def strikes(self, code: str) -> bool:
        """Say whether this fault strikes now, and count it."""
        chance = self._chance.get(code)
        if chance is None or self.quiet or self._draw() >= chance:
            return False
        self.struck[code] += 1
        return True

    def armed(self, code: str) -> bool:
        """Say whether this run knows the fault at all."""
        return code in self._chance

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return self.random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return self.random.randint(low, high)

    def one_of(self, items: Sequence[Item]) -> Item:
        """Draw one."""
        return self.random.choice(items)
