"""Play seeds with some faults only, until an invariant breaks: what a planted bug is found by."""

from collections.abc import Iterable
from typing import Any

from tests.simulation.catalogue import FAULTS
from tests.simulation.play import play
from tests.simulation.quiet import without_logs


def first_broken(codes: Iterable[str], invariant: str, seeds: Iterable[int]) -> dict[str, Any]:
    """Return the first seed that breaks the invariant, and how; nothing when none does.

    The invariant is named as in I5; I stands for any.
    """
    without_logs()
    faults = {code: FAULTS[code] for code in codes}
    for seed in seeds:
        broken = [item for item in play(seed, faults).violations if item.startswith(invariant)]
        if broken:
            return {"seed": seed, "violations": broken}
    return {}
