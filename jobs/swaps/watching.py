"""How a watched order begins and ends a look: over, at rest after a firing, or armed."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.evaluation import ChainView
from agent.domain.units import Timestamp
from agent.domain.watching import NEVER, Again, Firings, Glance, Memory
from jobs.conditions.crossing import Crossed
from jobs.conditions.verdict import either
from jobs.swaps.spec import SOLD_IN_ALL, SwapSpec

ENDED = "ended"
"""How many firings had ended when the order was armed last."""
HIGH = "high"
HIGH_OF = "high_of"
"""The amount sold that was worth `high`: an edit of the file may change it."""
_KEPT = frozenset((HIGH, HIGH_OF))


@dataclass(frozen=True, slots=True)
class Look:
    """An order that is neither over nor at rest, and what it remembers."""

    memory: Memory
    next_block: Again | None
    """Set once it has fired: it looks at the very next block then, whether anything changes or not."""

    def again(self, *others: Again) -> Again:
        """Return the first of all reasons to look again."""
        found = self.next_block or Again()
        for other in others:
            found = either(found, other)
        return found


def begin(
    spec: SwapSpec,
    view: ChainView,
    memory: Memory,
    past: Firings,
    *,
    cool_down_s: int,
    uses: int = 1,
    least: int = 1,
) -> Look | Glance:
    """Return what there is to look with, or at once the glance of an order that is over or at rest.

    It is over after so many successful uses, or once less than `least` base units are left to sell.
    """
    if past.succeeded >= uses or view.left.get(SOLD_IN_ALL, least) < least:
        return _still(NEVER, memory, "order_filled", f"{past.succeeded} swaps have succeeded")
    if spec.end is not None and view.timestamp > spec.end:
        return _still(NEVER, memory, "order_expired", f"the order was good till second {spec.end}")
    next_block = Again(at_block=view.block_number + 1)
    ended = past.count - past.open
    if past.open or past.last_ended_at is None or ended <= memory.get(ENDED, 0):
        return Look(memory, next_block if past.count else None)
    ready_at = Timestamp(past.last_ended_at + cool_down_s)
    if view.timestamp < ready_at:
        why = f"the last firing ended as {past.last_state}; armed again at second {ready_at}"
        return _still(Again(at_time=ready_at), memory, "cooling_down", why)
    kept = {name: value for name, value in memory.items() if name in _KEPT}
    return Look({**kept, ENDED: ended}, next_block)


def end(
    look: Look, crossed: Crossed, names: tuple[str, str], why: str, facts: Mapping[str, str], *others: Again
) -> Glance:
    """Return the glance of one crossing; `names` are the codes where it holds and where it does not."""
    there, not_there = names
    own = {name: value for name, value in look.memory.items() if name in {ENDED, *_KEPT}}
    return Glance(
        fires=crossed.fires,
        again=look.again(crossed.again, *others),
        memory={**own, **crossed.memory},
        code=there if crossed.verdict.value > 1 else not_there,
        why=why,
        facts=facts,
    )


def source_again(spec: SwapSpec, view: ChainView) -> Again:
    """Return when the independent price may turn known or unknown though no answer changes."""
    source = spec.source
    return NEVER if source is None else Again(at_time=source.turns_at(view))


def unknown(glance: Glance, code: str, why: str, *, alarm: bool) -> Glance:
    """Return a glance that could not see."""
    return glance._replace(fires=False, code=code, why=why, alarm=alarm)


def _still(again: Again, memory: Memory, code: str, why: str) -> Glance:
    return Glance(fires=False, again=again, memory=memory, code=code, why=why)
