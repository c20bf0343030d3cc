"""I9 and I10: how often the worker asks its node, and how long a job waits behind another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.acceptance.oracle.finding import Finding

MOST_TICKS = 2
"""Between a job's slot becoming due and its operation leaving."""


@dataclass(frozen=True)
class Budget:
    """How many requests a node may get: so many each time the worker looks at the head, a run and a start."""

    per_look: int = 5
    per_run: int = 40
    per_start: int = 60


def examine_calls(
    calls: Mapping[str, int], *, looks: int, runs: int, starts: int = 1, budget: Budget | None = None
) -> list[Finding]:
    """I9: the requests of a whole life stay within what its looks, runs and starts may cost."""
    allowed = budget or Budget()
    most = looks * allowed.per_look + runs * allowed.per_run + starts * allowed.per_start
    asked = sum(calls.values())
    if asked <= most:
        return []
    message = f"{asked} requests, {most} are enough for {looks} looks, {runs} runs and {starts} starts"
    return [Finding("I9", "", "", f"{message}: {dict(calls)}")]


@dataclass(frozen=True)
class Waited:
    """How many ticks of the worker passed between a slot's claim and its first send."""

    job: str
    slot: str
    ticks: int | None
    """None when it was never sent."""


def examine_ticks(waited: Iterable[Waited], poison: str) -> list[Finding]:
    """I10: no job but the poison one waits for more than two ticks."""
    return [
        Finding("I10", item.job, item.slot, f"waited {item.ticks} ticks, {MOST_TICKS} are allowed")
        for item in waited
        if item.job != poison and (item.ticks is None or item.ticks > MOST_TICKS)
    ]
