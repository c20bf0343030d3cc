"""Explore a variant, and say in a table what was found."""

import resource
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.domain.states import TABLE, Event, State
from tests.model.explore import Found, Search
from tests.model.pair import LanePair
from tests.model.single import SingleLane
from tests.model.variant import Variant, World

TableRows = frozenset[tuple[State, Event]]
ALL_ROWS: TableRows = frozenset((row.state, row.event) for row in TABLE)
NEVER: TableRows = frozenset(
    {
        *((row.state, row.event) for row in TABLE if row.event is Event.DEEP_REORG),
        (State.SIGNED, Event.SEE_CANCEL),
    }
)
"""Rows that no exploration takes: finality is assumed to be right, and nothing is cancelled before a send."""


@dataclass(frozen=True, slots=True)
class Explored:
    """A variant, what was found, and which rows of the state table were taken on the way."""

    variant: Variant
    found: Found
    rows: TableRows

    @property
    def is_expected(self) -> bool:
        """Whether the agent was found safe, or a broken protocol unsafe, with nothing left out."""
        if self.variant.breaks:
            return bool(self.found.violation)
        return self.found.is_safe and self.found.is_whole


def explore(variant: Variant) -> Explored:
    """Explore it within its bounds."""
    limit = variant.bounds.states
    if variant.lanes == 2:
        pair = LanePair(variant)
        return Explored(variant, Search(pair, limit).run(), pair.rules.taken())
    lane = SingleLane(variant)
    return Explored(variant, Search(lane, limit).run(), lane.rules.taken())


def figures(explored: Sequence[Explored]) -> dict[str, Any]:
    """Return what a record of the run keeps."""
    return {
        "states": sum(item.found.states for item in explored),
        "transitions": sum(item.found.transitions for item in explored),
        "cpu_s": round(sum(item.found.seconds for item in explored), 1),
        "memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "untaken_rows": sorted(f"{state} {event}" for state, event in untaken(explored)),
        "variants": [_form(item) for item in explored],
    }


def untaken(explored: Sequence[Explored]) -> TableRows:
    """Return the rows of the state table that the agent's own explorations never took."""
    return ALL_ROWS.difference(*(item.rows for item in explored if not item.variant.breaks))


def table(variants: Sequence[dict[str, Any]]) -> str:
    """Return the figures of a record as a table of Markdown."""
    head = "| Variant | What | Lanes x slots | Sequences | States | Transitions | Depth | CPU s | Found |"
    return "\n".join((head, "|---|---|---|---|---|---|---|---|---|", *map(_line, variants)))


def there(world: World) -> list[str]:
    """Return the faults of the world by name."""
    return [name for name, is_there in asdict(world).items() if is_there]


def _line(item: dict[str, Any]) -> str:
    bounds, found = item["bounds"], f"**unsafe** after {len(item['trace'])} steps"
    cells = (
        item["name"],
        item["says"],
        f"{item['lanes']} x {bounds['occurrences']}",
        bounds["sequences"],
        f"{item['states']:,}",
        f"{item['transitions']:,}",
        item["depth"],
        item["cpu_s"],
        "safe" if item["safe"] else found,
    )
    return f"| {' | '.join(map(str, cells))} |"


def _form(item: Explored) -> dict[str, Any]:
    variant, found = item.variant, item.found
    return {
        "name": variant.name,
        "says": variant.says,
        "lanes": variant.lanes,
        "workers": variant.workers,
        "bounds": asdict(variant.bounds),
        "world": there(variant.world),
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "cpu_s": found.seconds,
        "safe": found.is_safe,
        "whole": found.is_whole,
        "cut": dict(found.cut),
        "violation": found.violation,
        "trace": found.trace,
    }
