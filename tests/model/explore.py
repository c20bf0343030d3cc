"""Breadth-first search over all states, and backwards from where everything is done."""

import time
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

StateT = TypeVar("StateT")
NO_PARENT = -1
IntArray: TypeAlias = "array[int]"


class Trust(IntEnum):
    """What a step rests on."""

    CHANCE = 0  #: a fault, or a whim of the job or the operator
    PERSON = 1  #: somebody decides what waits for a decision
    FAIR = 2  #: it comes by itself once faults stop


CHANCE = Trust.CHANCE


class Edge(NamedTuple, Generic[StateT]):
    """A step, and where it leads."""

    label: str
    trust: Trust
    state: StateT


@dataclass(frozen=True, slots=True)
class Cut:
    """A step that a bound does not allow."""

    bound: str
    trust: Trust = Trust.CHANCE


class System(Protocol[StateT]):
    """What is explored."""

    def start(self) -> StateT: ...

    def moves(self, state: StateT) -> Iterable[Edge[StateT] | Cut]: ...

    def pack(self, state: StateT) -> int:
        """Return a number that stands for the state."""
        ...

    def unpack(self, packed: int) -> StateT: ...

    def broken(self, state: StateT) -> str:
        """Return the property that the state breaks, or nothing."""
        ...

    def is_done(self, state: StateT) -> bool:
        """Say whether everything has its end, or waits for a person."""
        ...

    def is_over(self, state: StateT) -> bool:
        """Say whether everything has its end."""
        ...


@dataclass(slots=True)
class Found:
    """What an exploration found out."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    violation: str = ""
    trace: list[str] = field(default_factory=list)
    """The shortest way to the violation, or to a state from which success is out of reach."""
    hopeless: int = 0
    """States from which no fair steps lead to where all is done."""
    endless: int = 0
    """States from which no fair steps and no decisions of a person lead to where all is over."""
    cut: Counter[str] = field(default_factory=Counter)
    """Steps not taken, by the bound that forbids them; behind one that is no fault all hope is granted."""
    frontier: int = 0
    """States that were seen and not looked at, because `limit` was reached."""

    @property
    def is_whole(self) -> bool:
        """Whether every state within the bounds was looked at."""
        return not self.frontier

    @property
    def is_safe(self) -> bool:
        """Whether no property was broken and success was never out of reach."""
        return not self.violation and not self.hopeless and not self.endless


class Search(Generic[StateT]):
    """Every state once, as a number; the ways between them as arrays of numbers."""

    def __init__(self, system: System[StateT], limit: int) -> None:
        """Take how many states to look at, at most."""
        self._system = system
        self._limit = limit
        self._numbers: dict[int, int] = {}
        self._packed: list[int] = []
        self._parents = array("q")
        # 32 bits: an exploration of more states than that would not fit any memory.
        self._fair = array("I"), array("I")
        self._decided = array("I"), array("I")
        self._done = bytearray()
        """1 where everything is done, or where a bound hides what comes after."""
        self._over = bytearray()
        self._found = Found()

    def run(self) -> Found:
        """Explore until everything was seen, something broke, or the limit is reached."""
        started = time.process_time()
        found = self._found
        level = [self._number(self._system.start(), NO_PARENT)]
        while level and not found.violation:
            level = self._next_level(level)
            found.depth += bool(level)
        found.states = len(self._packed)
        if not found.violation:
            self._look_back()
        found.seconds = round(time.process_time() - started, 1)
        return found

    def packed(self) -> Iterable[int]:
        """Return every state that was seen."""
        return self._packed

    def _next_level(self, level: list[int]) -> list[int]:
        following: list[int] = []
        for number in level:
            if number >= self._limit:
                self._found.frontier += 1
                self._grant_hope(number)
                continue
            known = len(self._packed)
            self._expand(number)
            following.extend(range(known, len(self._packed)))
            if self._found.violation:
                break
        return following

    def _expand(self, number: int) -> None:
        found = self._found
        for edge in self._system.moves(self._system.unpack(self._packed[number])):
            if isinstance(edge, Cut):
                found.cut[edge.bound] += 1
                if edge.trust is not CHANCE:
                    self._grant_hope(number)
                continue
            found.transitions += 1
            to = self._number(edge.state, number)
            if edge.trust is not CHANCE and to != number:
                sources, targets = self._fair if edge.trust is Trust.FAIR else self._decided
                sources.append(number)
                targets.append(to)
            if found.violation:
                return

    def _grant_hope(self, number: int) -> None:
        self._done[number] = self._over[number] = 1

    def _number(self, state: StateT, parent: int) -> int:
        packed = self._system.pack(state)
        known = self._numbers.get(packed)
        if known is not None:
            return known
        number = self._numbers[packed] = len(self._packed)
        self._packed.append(packed)
        self._parents.append(parent)
        self._done.append(self._system.is_done(state))
        self._over.append(self._system.is_over(state))
        violation = self._system.broken(state)
        if violation:
            self._found.violation = violation
            self._found.trace = self._way_to(number)
        return number

    def _look_back(self) -> None:
        found = self._found
        # What is over is done; from what is done, fair steps alone need lead nowhere.
        found.hopeless, lost = _unreached(self._done, [self._fair])
        found.endless, stuck = _unreached(self._over, [self._fair, self._decided])
        if found.hopeless or found.endless:
            found.trace = self._way_to(lost if found.hopeless else stuck)

    def _way_to(self, number: int) -> list[str]:
        way = []
        while self._parents[number] != NO_PARENT:
            parent = self._parents[number]
            way.append(self._label(parent, self._packed[number]))
            number = parent
        return way[::-1]

    def _label(self, parent: int, packed: int) -> str:
        state = self._system.unpack(self._packed[parent])
        for edge in self._system.moves(state):
            if not isinstance(edge, Cut) and self._system.pack(edge.state) == packed:
                return edge.label
        raise AssertionError("each state but the first has a way to it")


def _unreached(marks: bytearray, edges: Sequence[tuple[IntArray, IntArray]]) -> tuple[int, int]:
    """Mark what leads to a mark; return how many states do not, and the first of them."""
    ways = [_reversed(sources, targets, len(marks)) for sources, targets in edges]
    stack = [number for number, mark in enumerate(marks) if mark]
    while stack:
        number = stack.pop()
        for starts, sources in ways:
            for source in sources[starts[number] : starts[number + 1]]:
                if not marks[source]:
                    marks[source] = 1
                    stack.append(source)
    return marks.count(0), marks.find(0)


def _reversed(sources: IntArray, targets: IntArray, states: int) -> tuple[IntArray, IntArray]:
    """Return where the predecessors of each state start, and the predecessors."""
    starts = array("I", bytes(4 * (states + 1)))
    for target in targets:
        starts[target + 1] += 1
    for state in range(states):
        starts[state + 1] += starts[state]
    places = array("I", starts)
    predecessors = array("I", bytes(4 * len(sources)))
    for source, target in zip(sources, targets, strict=True):
        predecessors[places[target]] = source
        places[target] += 1
    return starts, predecessors
