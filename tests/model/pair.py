"""Two lanes on one chain, worked on by the same workers, kept in the same journal."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from tests.model.explore import Cut, Edge, Trust
from tests.model.lane import Lane, Move
from tests.model.single import SingleLane
from tests.model.variant import Variant

PLACE_BITS = 24
LANE_KINDS = frozenset({"local", "land", "finalize", "reorg"})
"""Steps that touch one lane alone; all others strike both at once."""


class Pair(NamedTuple):
    """Both lanes by number, and whose each operation is that is included and not final, oldest first."""

    first: int
    second: int
    order: tuple[int, ...]


class LaneMove(NamedTuple):
    """A step of one lane, with the number of the lane it leads to."""

    move: Move
    to: int


class LanePair:
    """What lanes share: the order of blocks, the crash of a worker, the loss of the journal.

    Which lane is which, and which worker, makes no difference: of such twins the least is kept.
    """

    def __init__(self, variant: Variant) -> None:
        """Take the variant; its bounds are each lane's."""
        self._single = SingleLane(variant, workers_alike=False)
        self.rules = self._single.rules
        self._lanes: list[Lane] = []
        self._numbers: dict[Lane, int] = {}
        self._steps: dict[int, tuple[tuple[LaneMove, ...], tuple[Cut, ...]]] = {}
        # A state is asked about often, and one lane stands in many.
        self._verdict = cache(lambda number: self._single.broken(self._lanes[number]))
        self._done = cache(lambda number: self._single.is_done(self._lanes[number]))
        self._over = cache(lambda number: self._single.is_over(self._lanes[number]))
        self._mirror = cache(self._with_workers_swapped)

    def start(self) -> Pair:
        """Return two lanes nobody has touched."""
        number = self._number(self._single.start())
        return Pair(number, number, ())

    def moves(self, state: Pair) -> Iterator[Edge[Pair] | Cut]:
        """Yield every step: of one lane, or of what they share."""
        shared: dict[str, tuple[list[int], list[int]]] = {}
        for side, number in enumerate((state.first, state.second)):
            steps, cuts = self._steps_of(number)
            yield from cuts
            for move, to in steps:
                if move.kind not in LANE_KINDS:
                    shared.setdefault(move.kind, ([], []))[side].append(to)
                elif (order := _reordered(state.order, move.kind, side)) is not None:
                    lanes = (to, state.second) if side == 0 else (state.first, to)
                    yield Edge(f"lane {side}: {move.label}", move.trust, self._least(*lanes, order))
        for kind, (first, second) in shared.items():
            # A lane that the crashed worker had nothing in hand for stays as it is.
            for lanes in product(first or [state.first], second or [state.second]):
                yield Edge(f"both lanes: {kind}", Trust.CHANCE, self._least(*lanes, state.order))

    def pack(self, state: Pair) -> int:
        """Return the pair as a number."""
        packed = 1
        for side in state.order:
            packed = packed << 1 | side
        return (packed << PLACE_BITS | state.first) << PLACE_BITS | state.second

    def unpack(self, packed: int) -> Pair:
        """Return the pair of a number that `pack` gave."""
        mask = (1 << PLACE_BITS) - 1
        order = tuple(int(digit) for digit in f"{packed >> 2 * PLACE_BITS:b}"[1:])
        return Pair(packed >> PLACE_BITS & mask, packed & mask, order)

    def broken(self, state: Pair) -> str:
        """Return the property that a lane breaks, or nothing."""
        return self._verdict(state.first) or self._verdict(state.second)

    def is_done(self, state: Pair) -> bool:
        """Say whether nothing is left to do in either without a person."""
        return self._done(state.first) and self._done(state.second)

    def is_over(self, state: Pair) -> bool:
        """Say whether nothing is left to do in either."""
        return self._over(state.first) and self._over(state.second)

    def _steps_of(self, number: int) -> tuple[tuple[LaneMove, ...], tuple[Cut, ...]]:
        if number not in self._steps:
            found = tuple(self._single.steps(self._lanes[number]))
            moves = tuple(LaneMove(step, self._number(step.lane)) for step in found if isinstance(step, Move))
            self._steps[number] = moves, tuple(step for step in found if isinstance(step, Cut))
        return self._steps[number]

    def _number(self, lane: Lane) -> int:
        number = self._numbers.setdefault(lane, len(self._lanes))
        if number == len(self._lanes):
            self._lanes.append(lane)
        return number

    def _least(self, first: int, second: int, order: tuple[int, ...]) -> Pair:
        turned = tuple([1 - side for side in order])
        one, other = self._mirror(first), self._mirror(second)
        # Plain until one is chosen: most of the time of two lanes is spent here.
        twins = (first, second, order), (second, first, turned), (one, other, order), (other, one, turned)
        return Pair(*min(twins))

    def _with_workers_swapped(self, number: int) -> int:
        lane = self._lanes[number]
        return self._number(lane._replace(pending=lane.pending[::-1]))


def _reordered(order: tuple[int, ...], kind: str, side: int) -> tuple[int, ...] | None:
    """Return the order of what is not final after the step; None when it is not this lane's turn."""
    match kind:
        case "land":
            return (*order, side)
        case "finalize":
            return order[1:] if order[0] == side else None
        case "reorg":
            return order[:-1] if order[-1] == side else None
        case _:
            return order
