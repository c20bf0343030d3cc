"""Run scripts on the model and on the contracts, and boil a disagreement down."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.differential.management import Managed
from tests.differential.operations import Drawn
from tests.differential.play import Play, Step
from tests.differential.script import Script, drawn, replayed
from tests.differential.simulation import played
from tests.differential.stage import Stage

AT_ONCE = 8
"""Scripts in one request: more would only hold memory."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A script's first step on which model and contracts differ, and the fewest steps that show it."""

    seed: int
    kind: str
    what: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"seed {self.seed} on {self.kind}: {self.what}", "shown by:"]
        return "\n".join([*lines, *map(_written, self.steps)])


@dataclass
class Report:
    """What a run saw."""

    scripts: int = 0
    operations: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what the command prints and records."""
        return {
            "scripts": self.scripts,
            "operations": self.operations,
            "outcomes": dict(sorted(self.outcomes.items())),
            "disagreements": [str(item) for item in self.disagreements],
        }


async def run(
    stage: Stage,
    seeds: Iterable[int],
    operations: int,
    enough: int = SHOWN,
    progress: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Run scripts, one a seed, until there were so many operations, or disagreements enough to look at."""
    report, upcoming = Report(), iter(seeds)
    batch = _batch(stage, [next(upcoming) for _ in range(AT_ONCE)])
    while report.operations < operations and len(report.disagreements) < enough:
        # The next scripts are drawn while the node plays these.
        answers = _wrong(stage, [play for _, play in batch])
        following = asyncio.to_thread(_batch, stage, [next(upcoming) for _ in range(AT_ONCE)])
        wrong, after = await asyncio.gather(answers, following)
        for (script, play), found in zip(batch, wrong, strict=True):
            report.scripts += 1
            report.operations += script.operations
            report.outcomes += play.outcomes
            if found is not None and len(report.disagreements) < enough:
                report.disagreements.append(await _boiled_down(stage, script, *found))
        progress(report)
        batch = after
    return report


def _batch(stage: Stage, seeds: Sequence[int]) -> list[tuple[Script, Play]]:
    return [drawn(stage, seed) for seed in seeds]


async def _wrong(stage: Stage, plays: Sequence[Play]) -> list[tuple[int, str] | None]:
    """Return for each play the first step that differs and what differs."""
    rows = await played(stage, [turns for play in plays for turns in (play.through, play.direct)])
    return [_first(*pair) for pair in zip(rows[::2], rows[1::2], strict=True)]


def _first(through: Sequence[str | None], direct: Sequence[str | None]) -> tuple[int, str] | None:
    for index, pair in enumerate(zip(through, direct, strict=True)):
        found = [item for item in pair if item]
        if found:
            return index, "; ".join(found)
    return None


async def _boiled_down(stage: Stage, script: Script, index: int, what: str) -> Disagreement:
    """Leave out every step without which the last one still differs."""
    steps = list(script.steps[: index + 1])
    for place in reversed(range(index)):
        fewer = steps[:place] + steps[place + 1 :]
        (found,) = await _wrong(stage, [replayed(stage, replace(script, steps=tuple(fewer)))])
        if found is not None and found[0] == len(fewer) - 1:
            steps, what = fewer, found[1]
    return Disagreement(script.seed, script.kind, what, tuple(steps))


def _written(step: Step) -> str:
    head = f"  at {step.at}, base fee {step.base_fee}: "
    if isinstance(step.what, Managed):
        return f"{head}{step.what.name} 0x{step.what.call_data.hex()}"
    return head + "\n    ".join(_operation(drawn) for drawn in step.what)


def _operation(item: Drawn) -> str:
    signed = f"mode {item.mode}, {item.signing.__name__} of {len(item.granted.owners.keys)}"
    return (
        f"operation 0x{item.call_data.hex()} under {item.permission or item.granted.permission}, {signed},"
        f" fees {item.fees}, pre-verification gas {item.pre_verification_gas},"
        f" paymaster 0x{item.paymaster_and_data.hex()}, lane {item.lane}"
    )
