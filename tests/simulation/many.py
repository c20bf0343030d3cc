"""Many seeds on several processes, in the order of the seeds."""

import gc
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.play import Result, play
from tests.simulation.quiet import without_logs

AT_A_TIME = 10
DIGITS = 8
"""Of a seed's digest in the record."""
PER_LINE = 16


@dataclass(slots=True)
class Summary:
    """The counts over all seeds, and a short digest of each."""

    first: int
    seeds: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    lost: int = 0
    violations: int = 0
    failed: list[int] = field(default_factory=list)
    _digests: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one seed; they come in order."""
        self.seeds += 1
        self.classes.update(result.struck)
        self.duplicates += result.duplicates
        self.lost += result.lost
        self.violations += len(result.violations)
        if result.violations:
            self.failed.append(result.seed)
        self._digests.append(result.digest[:DIGITS])

    @property
    def injected(self) -> int:
        """How many faults struck."""
        return self.classes.total()

    @property
    def digests(self) -> list[str]:
        """The digests in order, some to a line."""
        rows = range(0, len(self._digests), PER_LINE)
        return [" ".join(self._digests[row : row + PER_LINE]) for row in rows]

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a document."""
        return {
            "first_seed": self.first,
            "seeds": self.seeds,
            "injected": self.injected,
            "classes": dict(sorted(self.classes.items())),
            "duplicates": self.duplicates,
            "lost": self.lost,
            "violations": self.violations,
            "failed_seeds": self.failed,
        }


def play_all(seeds: Sequence[int], processes: int) -> Iterator[Result]:
    """Yield the result of each seed, in order."""
    # A fresh interpreter each: what the parent has loaded or patched must not show.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=_ready) as pool:
        yield from pool.imap(play, seeds, chunksize=AT_A_TIME)


def _ready() -> None:
    without_logs()
    # What is imported stays: the collector need not look at it between the seeds.
    gc.freeze()
