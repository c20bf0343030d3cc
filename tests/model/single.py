"""One lane with everything that can happen to it."""

from collections.abc import Hashable, Iterator
from functools import lru_cache, partial
from itertools import chain
from operator import getitem

from tests.model.explore import Cut, Edge
from tests.model.lane import REMEMBERED, Lane, Move, initial, tidy
from tests.model.properties import broken, is_done, is_over
from tests.model.rules import Rules
from tests.model.variant import Variant
from tests.model.worker import worker_moves
from tests.model.world import world_moves

FIELD_BITS = 20


class _Table(dict[Hashable, int]):
    """The values that a part of the lane has had, each with its place where `pack` puts it."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.values_in_order: list[Hashable] = []

    def __missing__(self, value: Hashable) -> int:
        assert len(self.values_in_order) < 1 << FIELD_BITS, "one lane would be taken for another"
        place = self[value] = len(self.values_in_order) << self.shift
        self.values_in_order.append(value)
        return place


class SingleLane:
    """A lane, packed as one number: each part by its place in a table of the values it has had."""

    def __init__(self, variant: Variant, *, workers_alike: bool = True) -> None:
        """Take the variant; workers are not alike where a worker has a key of its own."""
        self.variant = variant
        self.rules = Rules(variant.bounds.attempts)
        alike = workers_alike and not variant.deviation.key_per_worker
        self._tables = tuple(_Table(place * FIELD_BITS) for place in range(len(Lane._fields)))
        # One lane is the next of many others, most of them explored one after the other.
        self._tidy = lru_cache(REMEMBERED)(partial(tidy, workers_alike=alike))

    def start(self) -> Lane:
        """Return the lane nobody has touched."""
        bounds = self.variant.bounds
        workers = self.variant.workers if self.variant.world.two_step else 0
        return initial(bounds.occurrences, bounds.keys, workers)

    def steps(self, lane: Lane) -> Iterator[Move | Cut]:
        """Yield every step, tidied."""
        for step in self._untidied(lane):
            if isinstance(step, Move):
                yield Move(step.kind, step.label, step.trust, self._tidy(step.lane))
            else:
                yield step

    def moves(self, state: Lane) -> Iterator[Edge[Lane] | Cut]:
        """Yield every step."""
        for step in self._untidied(state):
            yield Edge(step.label, step.trust, self._tidy(step.lane)) if isinstance(step, Move) else step

    def _untidied(self, lane: Lane) -> Iterator[Move | Cut]:
        world = world_moves(lane, self.variant, self.rules)
        if self.variant.deviation.no_journal:
            return world
        return chain(worker_moves(lane, self.variant, self.rules), world)

    def pack(self, state: Lane) -> int:
        """Return the lane as a number."""
        return sum(map(getitem, self._tables, state))

    def unpack(self, packed: int) -> Lane:
        """Return the lane of a number that `pack` gave."""
        mask = (1 << FIELD_BITS) - 1
        return Lane(*(table.values_in_order[packed >> table.shift & mask] for table in self._tables))  # type: ignore[arg-type] # each value came from this field

    def broken(self, state: Lane) -> str:
        """Return the property that the lane breaks, or nothing."""
        return broken(state, self.variant)

    def is_done(self, state: Lane) -> bool:
        """Say whether nothing is left to do without a person."""
        return is_done(state, self.variant)

    def is_over(self, state: Lane) -> bool:
        """Say whether nothing is left to do."""
        return is_over(state, self.variant)
