"""What a worker may decide on a lane, and what becomes of the lane when it is written."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from agent.domain.journal_step import COUNTS
from agent.domain.states import Event, State
from agent.pipeline.confirm import Happened, Resend
from agent.pipeline.refusal import Stuck
from agent.worker.heads import is_followed
from tests.model.explore import Cut, Trust
from tests.model.lane import (
    LEFT,
    SIGNED,
    VOID,
    Entry,
    Lane,
    Move,
    Op,
    Row,
    Seen,
    Write,
    is_open,
    tip,
    with_ops,
    with_row,
)
from tests.model.look import Look, looks, ours, sequences
from tests.model.rebuild import doubted, rebuilds
from tests.model.rules import Rules, occurrence
from tests.model.variant import Variant

MECHANICAL = (Event.CLAIM, Event.SIGN, Event.SETTLE)
"""What a worker does as soon as the table lets it."""
BY_CHANCE = (Event.POSTPONE, Event.UNPLAN, Event.ANSWER, Event.ASK_CANCEL)
"""What a condition of the job, a restart, a bundler or an operator may bring about at any moment."""
CHANCE, FAIR = Trust.CHANCE, Trust.FAIR
STEADY = (*((event, FAIR) for event in MECHANICAL), *((event, CHANCE) for event in BY_CHANCE))
BYTES = (Event.SIGN, Event.RAISE, Event.SEND)
"""What changes the operations of a lane."""
LADDER = (State.FINAL_FAIL, State.EXPIRED)


class Decision(NamedTuple):
    """A write that a worker may decide on now."""

    write: Write
    trust: Trust


def decisions(lane: Lane, variant: Variant, rules: Rules, worker: int) -> Iterator[Decision | Cut]:
    """Yield what a worker that looks now may want to write."""
    still_open = [occ for occ, row in enumerate(lane.rows) if is_open(row)]
    for first in still_open if variant.deviation.skips_held_lanes else still_open[:1]:
        yield from _works(lane, variant, rules, worker, first)
    for occ in range(len(lane.rows)):
        yield from _follows(lane, variant, rules, occ)


def _works(lane: Lane, variant: Variant, rules: Rules, worker: int, first: int) -> Iterator[Decision | Cut]:
    row = lane.rows[first]
    for event, trust in STEADY:
        if rules.allows(row.state, event):
            yield Decision(Write(first, event), trust)
    yield from _ends(lane, variant, rules, first)
    if rules.allows(row.state, Event.PLAN):
        yield from _plans(lane, variant, rules, first, worker)
    if row.state is State.SIGNED:
        yield Decision(Write(first, Event.SEND), FAIR)
    if rules.allows(row.state, Event.RAISE):
        yield from _raises(variant, first)


def _raises(variant: Variant, first: int) -> Iterator[Decision]:
    if variant.world.raises:
        yield Decision(Write(first, Event.RAISE), CHANCE)
    if variant.world.cancels:
        yield Decision(Write(first, Event.RAISE, cancel=True), CHANCE)


def _ends(lane: Lane, variant: Variant, rules: Rules, first: int) -> Iterator[Decision]:
    row = lane.rows[first]
    if row.state in LADDER:
        event = Event.RETRY if rules.retries(row) else Event.GIVE_UP
        yield Decision(Write(first, event), FAIR)
    elif row.state is not State.FOREIGN and rules.allows(row.state, Event.RETRY):
        # The table alone decides, so that a wrong row of it is found.
        yield Decision(Write(first, Event.RETRY), CHANCE)
    if variant.world.holds and rules.allows(row.state, Event.HOLD):
        yield Decision(Write(first, Event.HOLD), CHANCE)
    if variant.world.give_ups:
        yield from _given_up(lane, rules, first)


def _given_up(lane: Lane, rules: Rules, first: int) -> Iterator[Decision]:
    for event in (Event.GIVE_UP, Event.SKIP):
        if rules.allows(lane.rows[first].state, event):
            yield Decision(Write(first, event), CHANCE)
    for later in range(first + 1, len(lane.rows)):
        if lane.rows[later].state is State.DUE:
            yield Decision(Write(later, Event.GIVE_UP), CHANCE)


def _plans(lane: Lane, variant: Variant, rules: Rules, occ: int, worker: int) -> Iterator[Decision | Cut]:
    other_keys = _other_keys(lane, variant, occ, worker)
    for key in other_keys:
        yield Decision(Write(occ, Event.PLAN, key, 0), FAIR)
    if other_keys:
        return
    for on_chain, trust in sequences(lane, 0, variant):
        answer = rules.sequence(lane.next_seq, on_chain)
        if isinstance(answer, int) or (answer is Stuck and variant.deviation.plans_at_chain):
            yield _planned(variant, occ, on_chain, trust)


def _planned(variant: Variant, occ: int, sequence: int, trust: Trust) -> Decision | Cut:
    if sequence >= variant.bounds.sequences:
        return Cut("sequences", trust)
    return Decision(Write(occ, Event.PLAN, 0, sequence), trust)


def _other_keys(lane: Lane, variant: Variant, occ: int, worker: int) -> Sequence[int]:
    """Return the keys that a broken protocol takes in place of the lane's own."""
    deviation = variant.deviation
    if deviation.key_per_worker:
        return (worker,)
    if deviation.random_key:
        return range(variant.bounds.keys)
    return (1,) if deviation.new_key_after_timeout and lane.rows[occ].attempt else ()


@cache
def _is_followed(row: Row) -> bool:
    return is_followed(occurrence(row))


def _follows(lane: Lane, variant: Variant, rules: Rules, occ: int) -> Iterator[Decision]:
    row = lane.rows[occ]
    mine = ours(lane, occ)
    if not mine or not _is_followed(row):
        return
    for look in looks(lane, occ, variant):
        yield from _follow(row, mine, look, rules, occ)
    if variant.deviation.void_at_head:
        void = tuple(op._replace(status=VOID) for op in mine)
        yield from _follow(row, void, next(looks(lane, occ, variant)), rules, occ)


def _follow(row: Row, mine: tuple[Op, ...], look: Look, rules: Rules, occ: int) -> Iterator[Decision]:
    trust = FAIR if look.fresh else CHANCE
    verdict = rules.verdict(row, mine, look.seen, used=look.used, final=look.final)
    if isinstance(verdict, Resend) and row.state is not State.HELD:
        for cancel in {op.cancel for op in mine}:
            yield Decision(Write(occ, Event.SEND, cancel=cancel), trust)
    if not isinstance(verdict, Happened):
        return
    if row.state is State.HELD:
        yield Decision(Write(occ, Event.RELEASE), trust)
        return
    seen = look.seen if verdict.event in COUNTS else None
    yield Decision(Write(occ, verdict.event, seen=seen), trust)
    if verdict.event is Event.SEE_FOREIGN and look.recognised:
        yield Decision(Write(occ, Event.FOUND, seen=Seen(ok=True, live=True)), trust)


def written(lane: Lane, write: Write, variant: Variant, rules: Rules) -> Iterator[tuple[str, Lane]]:
    """Yield what a write leads to, none when the journal refuses it: the kind of step and the lane.

    A send may be included right away.
    """
    row = lane.rows[write.occ]
    if write.event is Event.PLAN and not _may_plan(lane, write, variant, rules):
        return
    nonce = (write.key, write.seq) if write.event is Event.PLAN else None
    step = rules.change(row, write.event, lane.next_seq, nonce=nonce, seen=write.seen)
    if step is None:
        return
    after, next_seq = step
    if write.event is Event.SEE_FOREIGN and not variant.deviation.trusts_foreign:
        lane = doubted(lane, rules, write.occ)
    changed = _with_bytes(with_row(lane, write.occ, after, next_seq), write, variant)
    yield "local", changed
    sent = Op(write.occ, after.key, after.seq, known=True, status=LEFT, cancel=write.cancel)
    if write.event is Event.SEND and sent in changed.ops and tip(changed, after.key) == after.seq:
        entry = Entry(write.occ, after.key, after.seq, True, not write.cancel, write.cancel)  # noqa: FBT003
        yield "land", changed._replace(chain=(*changed.chain, entry))


def _may_plan(lane: Lane, write: Write, variant: Variant, rules: Rules) -> bool:
    """Say what the journal says of a plan: see `agent.adapters.journal.record`."""
    deviation = variant.deviation
    others = any(rules.holds(row) for occ, row in enumerate(lane.rows) if occ != write.occ)
    if others and not deviation.skips_held_lanes:
        return False
    return write.key > 0 or deviation.plans_at_chain or write.seq == lane.next_seq


def _with_bytes(lane: Lane, write: Write, variant: Variant) -> Lane:
    if write.event not in BYTES:
        return lane
    occ, row, deviation = write.occ, lane.rows[write.occ], variant.deviation
    new = Op(occ, row.key, row.seq, known=True, status=SIGNED, cancel=write.cancel)
    ops = set(lane.ops)
    if write.event is Event.SIGN and deviation.journals_after_send:
        ops = ops - {sent_unwritten(lane, occ)} | {new._replace(status=LEFT)}
    elif write.event in (Event.SIGN, Event.RAISE):
        if write.event is Event.RAISE and deviation.forgets_raised:
            ops = {op._replace(known=False) if op in ours(lane, occ) else op for op in ops}
        ops |= {new}
    elif write.event is Event.SEND and new in ops:
        ops = ops - {new} | {new._replace(status=LEFT)}
    return with_ops(lane, ops)


def sent_unwritten(lane: Lane, occ: int) -> Op:
    """Return the operation that a worker sends before it is in the journal."""
    row = lane.rows[occ]
    return Op(occ, row.key, row.seq, known=False, status=LEFT)


def told(worker: int, write: Write, kind: str) -> str:
    """Say in words what a worker writes."""
    nonce = f" at nonce {write.key}:{write.seq}" if write.event is Event.PLAN else ""
    seen = "" if write.seen is None or write.seen.live else " (of a branch that was left)"
    landed = ", sends and it is executed" if kind == "land" else ""
    return f"worker {worker} writes {write.event} of occurrence {write.occ}{nonce}{seen}{landed}"


def worker_moves(lane: Lane, variant: Variant, rules: Rules) -> Iterator[Move | Cut]:
    """Yield every step of the workers."""
    if not variant.deviation.plans_at_chain:
        yield from rebuilds(lane, variant, rules)
    if not variant.world.two_step:
        # Two workers that look and write in one step do what one does: the journal is all they have.
        yield from _one_step(lane, variant, rules)
        return
    for worker, pending in enumerate(lane.pending):
        if pending is None:
            yield from _looking(lane, variant, rules, worker)
        else:
            free = _with_pending(lane, worker, None)
            for kind, after in written(free, pending, variant, rules):
                yield Move(kind, told(worker, pending, kind), FAIR, after)
            yield Move(f"crash {worker}", f"worker {worker} crashes", CHANCE, free)


def _one_step(lane: Lane, variant: Variant, rules: Rules) -> Iterator[Move | Cut]:
    for decision in decisions(lane, variant, rules, 0):
        if isinstance(decision, Cut):
            yield decision
            continue
        for kind, after in written(lane, decision.write, variant, rules):
            yield Move(kind, told(0, decision.write, kind), decision.trust, after)


def _looking(lane: Lane, variant: Variant, rules: Rules, worker: int) -> Iterator[Move | Cut]:
    for decision in decisions(lane, variant, rules, worker):
        if isinstance(decision, Cut):
            yield decision
            continue
        write = decision.write
        if all(after == lane for _, after in written(lane, write, variant, rules)):
            continue
        after = _with_pending(lane, worker, write)
        what = f"worker {worker} looks: {write.event} of occurrence {write.occ}"
        if write.event is Event.SIGN and variant.deviation.journals_after_send:
            after = with_ops(after, {*after.ops, sent_unwritten(lane, write.occ)})
            what = f"worker {worker} signs and sends occurrence {write.occ} before it writes"
        yield Move("local", what, decision.trust, after)


def _with_pending(lane: Lane, worker: int, write: Write | None) -> Lane:
    pending = (*lane.pending[:worker], write, *lane.pending[worker + 1 :])
    return lane._replace(pending=pending)
