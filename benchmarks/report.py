"""What a benchmark reports: ours and a peer's figure, taken in the same run."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One claim; `ratio` is how many times better ours is."""

    name: str
    ours: float
    peer: float
    ratio: float
    unit: str


def row_of_costs(name: str, ours: float, peer: float, unit: str) -> Row:
    """Return a row in which less is better."""
    return Row(name, round(ours, 3), round(peer, 3), round(peer / ours, 3), unit)


def row_of_rates(name: str, ours: float, peer: float, unit: str) -> Row:
    """Return a row in which more is better."""
    return Row(name, round(ours, 3), round(peer, 3), round(ours / peer, 3), unit)


def cpu_us(work: Callable[[], object]) -> float:
    """Return the CPU time of the call in microseconds: another process on the core does not count."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1_000


def settle_memory() -> None:
    """Keep what the preparation made out of the collector's sight: no contestant pays for its traversal."""
    gc.collect()
    gc.freeze()


def interleaved(rounds: int, contestants: Sequence[Callable[[], float]]) -> list[float]:
    """Ask each contestant for its cost once a round, in turn; return the median of each."""
    costs = [[contestant() for contestant in contestants] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*costs, strict=True)]
