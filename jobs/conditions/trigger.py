"""From a condition to a glance: fire once each time it comes true, or whenever it is."""

from agent.domain.evaluation import ChainView
from agent.domain.watching import Glance, Memory
from jobs.conditions.condition import Condition
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN

_FIRED = "fired"


def glance(
    condition: Condition, view: ChainView, memory: Memory, *, edge: bool = True, guards: bool = False
) -> Glance:
    """Judge a block for a watched job.

    With `edge` it fires once and then not until the condition was known to be false; without, at every
    block where it is true. `guards` makes a person hear of a condition that nobody can judge.
    """
    judged = condition.judge(view, memory)
    fired = memory.get(_FIRED, 0) == 1
    kept = dict(judged.memory)
    # Unknown in between is not false: a price that was lost and found has not crossed twice.
    if edge and (judged.verdict is TRUE or (fired and judged.verdict is not FALSE)):
        kept[_FIRED] = 1
    return Glance(
        fires=judged.verdict is TRUE and not (edge and fired),
        again=judged.again,
        memory=kept,
        code=judged.code,
        why=judged.why,
        alarm=guards and judged.verdict is UNKNOWN,
        facts=judged.facts,
    )
