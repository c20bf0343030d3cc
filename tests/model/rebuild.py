"""A lane that is further on chain than in the journal: what `agent.pipeline.rebuild` makes of its slots."""

from collections.abc import Iterator

from agent.domain.lane_history import LANE_AHEAD
from agent.domain.states import Event, State
from agent.pipeline.rebuild import MAY_BE_FOUND, OPEN
from agent.pipeline.refusal import Stuck
from tests.model.explore import Trust
from tests.model.lane import Lane, Move, Seen, is_open, tip, with_row
from tests.model.rules import Rules
from tests.model.variant import Variant


def rebuilds(lane: Lane, variant: Variant, rules: Rules) -> Iterator[Move]:
    """Yield what becomes of the lane when its next slot is to be planned.

    The last payment that the chain shows says which slots may be paid: those that were due by then. When that
    was is left open, from the slot that it paid on.
    """
    first = next((occ for occ, row in enumerate(lane.rows) if is_open(row)), None)
    if first is None or not rules.allows(lane.rows[first].state, Event.PLAN):
        return
    for sequence, trust in _final_sequences(lane, variant):
        if rules.sequence(lane.next_seq, sequence) is Stuck:
            paid = _paid(lane, sequence)
            for until in range(max(paid, default=-1), len(lane.rows)):
                yield from _rebuilt(lane, rules, first, sequence, until, trust)


def doubted(lane: Lane, rules: Rules, occ: int) -> Lane:
    """Return the lane when somebody else used the nonce of a slot: every other may be what it paid."""
    for other, row in enumerate(lane.rows):
        if other != occ and row.state in OPEN and not rules.holds(row):
            (lane,) = _decided(lane, rules, other, set(), other, None)
    return lane


def _final_sequences(lane: Lane, variant: Variant) -> Iterator[tuple[int, Trust]]:
    final = lane.used[0]
    if tip(lane, 0) == final:
        yield final, Trust.FAIR
    if variant.world.stale:
        yield from ((older, Trust.CHANCE) for older in range(final))


def _paid(lane: Lane, end: int) -> set[int]:
    """Return the slots that were paid by what the journal does not know, up to but without a sequence."""
    return {occ for occ, place in enumerate(lane.paid) if lane.next_seq < place <= end}


def _rebuilt(lane: Lane, rules: Rules, first: int, sequence: int, until: int, trust: Trust) -> Iterator[Move]:
    label = f"the lane's past up to nonce 0:{sequence} is read, slots up to {until} may be paid"
    paid = _paid(lane, sequence)
    ways = [lane]
    for occ in range(until + 1):
        if occ != first and _is_decided(lane, rules, occ, paid):
            ways = [after for way in ways for after in _decided(way, rules, occ, paid, until, None)]
            yield from (Move("local", f"{label}; interrupted", Trust.CHANCE, way) for way in ways)
    for way in ways:
        for after in _decided(way, rules, first, paid, until, sequence):
            yield Move("local", label, trust, after)


def _is_decided(lane: Lane, rules: Rules, occ: int, paid: set[int]) -> bool:
    row = lane.rows[occ]
    if row.state is State.SKIPPED:
        return occ in paid
    return row.state in OPEN and not rules.holds(row)


def _decided(
    lane: Lane, rules: Rules, occ: int, paid: set[int], until: int, lane_next: int | None
) -> Iterator[Lane]:
    row = lane.rows[occ]
    if row.state is State.HELD:
        released = rules.change(row, Event.RELEASE, lane.next_seq)
        assert released is not None
        row = released[0]
    for event in _events(row.state, occ, paid, until):
        step = rules.change(
            row,
            event,
            lane.next_seq,
            seen=Seen(ok=True, live=True) if event is Event.FOUND else None,
            lane_next=lane_next,
            code=LANE_AHEAD if event is Event.HOLD else "",
        )
        if step is not None:
            yield with_row(lane, occ, *step)


def _events(state: State, occ: int, paid: set[int], until: int) -> tuple[Event, ...]:
    if occ > until:
        return (Event.POSTPONE,)
    # Which payment is whose is not always certain.
    return (Event.FOUND, Event.HOLD) if occ in paid and state in MAY_BE_FOUND else (Event.HOLD,)
