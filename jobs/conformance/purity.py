"""The check that a kind looks at nothing but what it is given: no clock, no file, no network, no dice."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FrameType
from typing import Any

from agent.domain.watching import NO_MEMORY, Firings
from jobs.conformance.sample import Sample, require

OUTSIDE = frozenset({"_io", "_random", "_socket", "_ssl", "posix", "select", "socket", "time"})
_CLOCKS = frozenset({"now", "utcnow", "today"})


def touches_nothing_outside(sample: Sample) -> None:
    """Check that none of its functions asks the clock, the file system, the network or for randomness."""
    # The first round imports and fills what is kept; the second is watched.
    _everything(sample)
    with _watched() as called:
        _everything(sample)
    require(not called, f"it calls {', '.join(sorted(set(called)))}")


def _everything(sample: Sample) -> None:
    kind, spec, account = sample.kind, sample.read_spec(), sample.account
    kind.identity(spec)
    kind.objections(spec, account)
    kind.requirements(spec, account, 2)
    kind.possible_operations(spec, account, 2)
    kind.caps(spec)
    kind.expected_uses(spec)
    kind.ends_at(spec)
    kind.log_filters(spec, account)
    kind.confirm(spec, account, ())
    for view in sample.tries(kind.reads(spec, account)):
        kind.evaluate(spec, view, sample.occurrence())
    for view in sample.tries(kind.watch_reads(spec, account)):
        kind.watch(spec, account, view, NO_MEMORY, Firings())
    for view in sample.tries(kind.outcome_reads(spec, account)):
        kind.outcome(spec, account, view)


@contextmanager
def _watched() -> Iterator[list[str]]:
    called: list[str] = []

    def note(_frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401 - as sys.setprofile has it
        if event == "c_call" and isinstance(function, BuiltinFunctionType) and _is_outside(function):
            called.append(f"{_home(function)}.{function.__name__}")

    before, collects = sys.getprofile(), gc.isenabled()
    # Others may hook into the collector, which runs in the midst of anything, and look at a clock.
    gc.disable()
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()


def _is_outside(function: BuiltinFunctionType) -> bool:
    if _home(function) == "datetime":
        return function.__name__ in _CLOCKS
    return _home(function) in OUTSIDE


def _home(function: BuiltinFunctionType) -> str:
    owner = function.__self__
    kind = owner if isinstance(owner, type) else type(owner)
    return function.__module__ or kind.__module__
