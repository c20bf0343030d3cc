"""What a condition is, and how several make one: all, any, not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import Protocol, TypeVar

from agent.domain.evaluation import ChainView, Read
from agent.domain.watching import Memory
from jobs.conditions.source import Claim
from jobs.conditions.verdict import FALSE, TRUE, Judged, Verdict, either

Value = TypeVar("Value")


class Condition(Protocol):
    """Something that holds at a block, or does not, or nobody can say."""

    @property
    def independent(self) -> bool:
        """Whether no price in it can be moved by one trade."""
        ...

    def reads(self) -> tuple[Read, ...]: ...

    def claims(self) -> tuple[Claim, ...]: ...

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        """Judge a block; `memory` is what the job remembers of its last look, others' entries included."""
        ...


@dataclass(frozen=True, slots=True)
class _Several:
    parts: tuple[Condition, ...]

    @property
    def independent(self) -> bool:
        return all(part.independent for part in self.parts)

    def reads(self) -> tuple[Read, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(part.reads() for part in self.parts)))

    def claims(self) -> tuple[Claim, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(part.claims() for part in self.parts)))


@dataclass(frozen=True, slots=True)
class AllOf(_Several):
    """True while every part is; false as soon as one is false, whatever is unknown."""

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        judged = [part.judge(view, memory) for part in self.parts]
        found = _joined(judged, reduce(Verdict.__and__, (one.verdict for one in judged)))
        asleep = _asleep(judged)
        # Until its time comes nothing else matters, and nothing else is read.
        return found if asleep is None else _again_as(found, asleep)


@dataclass(frozen=True, slots=True)
class AnyOf(_Several):
    """True as soon as one part is, whatever is unknown; false while every part is false."""

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        judged = [part.judge(view, memory) for part in self.parts]
        return _joined(judged, reduce(Verdict.__or__, (one.verdict for one in judged)))


@dataclass(frozen=True, slots=True)
class NotOf:
    """True while its part is false; unknown stays unknown."""

    part: Condition

    @property
    def independent(self) -> bool:
        return self.part.independent

    def reads(self) -> tuple[Read, ...]:
        return self.part.reads()

    def claims(self) -> tuple[Claim, ...]:
        return self.part.claims()

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        judged = self.part.judge(view, memory)
        return Judged(
            ~judged.verdict,
            judged.code,
            judged.why,
            judged.again,
            judged.memory,
            judged.facts,
            confirming=judged.confirming,
        )


@dataclass(frozen=True, slots=True)
class NoCondition:
    """Never true: what a job has that waits for event logs."""

    independent = True

    def reads(self) -> tuple[Read, ...]:
        return ()

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        return Judged(FALSE, "waits_for_event", "an event log fires it")


def _joined(judged: Sequence[Judged], verdict: Verdict) -> Judged:
    decides = [one for one in judged if one.verdict is verdict]
    if verdict is not TRUE:
        decides = decides[:1]
    return Judged(
        verdict,
        decides[0].code,
        "; ".join(one.why for one in decides),
        reduce(either, (one.again for one in judged)),
        _merged(one.memory for one in judged),
        _merged(one.facts for one in judged),
        confirming=any(one.confirming for one in judged),
    )


def _asleep(judged: Sequence[Judged]) -> Judged | None:
    """Return a part that is false until a time or a block; None while another one confirms block by block."""
    if any(one.confirming for one in judged):
        return None
    waiting = (one for one in judged if one.verdict is FALSE and not one.again.on_change)
    return next(waiting, None)


def _again_as(found: Judged, asleep: Judged) -> Judged:
    return Judged(found.verdict, asleep.code, asleep.why, asleep.again, found.memory, found.facts)


def _merged(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    return {name: value for part in parts for name, value in part.items()}
