"""What the chain, the network and people do to a lane."""

from collections.abc import Iterator
from itertools import product

from agent.domain.states import WAITS_FOR_PERSON, Event, State
from tests.model.explore import Cut, Trust
from tests.model.lane import (
    ALIEN,
    LEFT,
    VOID,
    Backup,
    Entry,
    Lane,
    Move,
    Op,
    Row,
    backed_up,
    is_in,
    may_land,
    reads,
    tip,
    with_ops,
    with_row,
)
from tests.model.rules import Rules, person_may_decide
from tests.model.variant import Variant

FORGOTTEN = Row(State.FAILED)
"""A slot that a new journal does not owe."""


def world_moves(lane: Lane, variant: Variant, rules: Rules) -> Iterator[Move | Cut]:
    """Yield every step that is not a worker's."""
    yield from _landings(lane, variant)
    yield from _blocks(lane)
    yield from _people(lane, rules)
    if variant.world.windows:
        yield from _voids(lane)
    if variant.world.journal_lost:
        yield from _losses(lane, rules)
    if variant.world.backups:
        yield from _backups(lane, variant)
    if variant.deviation.new_key_after_timeout:
        yield from _timeouts(lane)
    if variant.deviation.no_journal:
        yield from _forgetful(lane, variant)


def _landings(lane: Lane, variant: Variant) -> Iterator[Move | Cut]:
    for op in may_land(lane):
        if tip(lane, op.key) == op.seq:
            yield from _landing(lane, op)
    strangers = lane.aliens + sum(entry.occ == ALIEN for entry in lane.chain)
    if strangers < variant.bounds.aliens:
        entry = Entry(ALIEN, 0, tip(lane, 0), known=False, ok=False)
        label = f"somebody else uses nonce 0:{entry.seq}"
        yield Move("land", label, Trust.CHANCE, _executed(lane, entry))
    elif variant.bounds.aliens:
        yield Cut("aliens")


def _landing(lane: Lane, op: Op) -> Iterator[Move]:
    place = f"occurrence {op.occ} at nonce {op.key}:{op.seq}"
    if op.cancel:
        entry = Entry(op.occ, op.key, op.seq, op.known, ok=False, cancel=True)
        yield Move("land", f"a cancel of {place} is executed", Trust.CHANCE, _executed(lane, entry))
        return
    for ok in (True, False):
        what = "is executed" if ok else "reverts"
        entry = Entry(op.occ, op.key, op.seq, op.known, ok)
        yield Move("land", f"an operation of {place} {what}", Trust.CHANCE, _executed(lane, entry))


def _executed(lane: Lane, entry: Entry) -> Lane:
    return lane._replace(chain=(*lane.chain, entry))


def _blocks(lane: Lane) -> Iterator[Move]:
    if len(lane.chain) == lane.final:
        return
    first, last = lane.chain[lane.final], lane.chain[-1]
    yield Move("finalize", f"nonce {first.key}:{first.seq} becomes final", Trust.FAIR, _finalized(lane))
    yield Move("reorg", f"a reorg undoes nonce {last.key}:{last.seq}", Trust.CHANCE, _reorged(lane))


def _finalized(lane: Lane) -> Lane:
    entry = lane.chain[lane.final]
    used = tuple(count + (key == entry.key) for key, count in enumerate(lane.used))
    paid = tuple(
        entry.seq + 1 if entry.ok and occ == entry.occ else before for occ, before in enumerate(lane.paid)
    )
    aliens = lane.aliens + (entry.occ == ALIEN)
    return lane._replace(final=lane.final + 1, used=used, paid=paid, aliens=aliens)


def _reorged(lane: Lane) -> Lane:
    undone, backup = lane.chain[-1], lane.backup
    if backup is not None:
        backup = backup._replace(rows=_left_behind(backup.rows, undone))
    pending = tuple(
        write._replace(seen=write.seen._replace(live=False))
        if write is not None and write.seen and write.occ == undone.occ and reads(lane.rows, undone)
        else write
        for write in lane.pending
    )
    rows = _left_behind(lane.rows, undone)
    return lane._replace(chain=lane.chain[:-1], rows=rows, pending=pending, backup=backup)


def _left_behind(rows: tuple[Row, ...], undone: Entry) -> tuple[Row, ...]:
    """Return the rows after a reorg: the block that one may note is not canonical any more."""
    if not reads(rows, undone) or not rows[undone.occ].live:
        return rows
    row = rows[undone.occ]._replace(live=False)
    return (*rows[: undone.occ], row, *rows[undone.occ + 1 :])


def _people(lane: Lane, rules: Rules) -> Iterator[Move]:
    """A person looks at the account's final payments before deciding, and decides right."""
    for occ, row in enumerate(lane.rows):
        if row.state not in WAITS_FOR_PERSON:
            continue
        if row.state is State.HELD and not row.aside:
            yield from _decided(lane, rules, occ, Event.RELEASE, None)
            yield from _decided(lane, rules, occ, Event.ASK_CANCEL, None)
        known = tuple(op for op in lane.ops if op.known and op.occ == occ)
        if not person_may_decide(row, known, lane.used[0]):
            continue
        place = rules.resolved(row, lane.next_seq, lane.used[0])
        event = Event.RESOLVE_PAID if lane.paid[occ] else Event.RESOLVE_UNPAID
        yield from _decided(lane, rules, occ, event, place)
        if not lane.paid[occ] and row.state is State.FOREIGN:
            yield from _decided(lane, rules, occ, Event.RETRY, None)


def _decided(lane: Lane, rules: Rules, occ: int, event: Event, lane_next: int | None) -> Iterator[Move]:
    step = rules.change(lane.rows[occ], event, lane.next_seq, lane_next=lane_next)
    if step is not None:
        row, next_seq = step
        label = f"a person decides: {event} of occurrence {occ}"
        yield Move("local", label, Trust.PERSON, with_row(lane, occ, row, next_seq))


def _voids(lane: Lane) -> Iterator[Move]:
    for op in lane.ops:
        nonce = (op.occ, op.key, op.seq)
        included = any((entry.occ, entry.key, entry.seq) == nonce for entry in lane.chain)
        if op.status == VOID or included:
            continue
        # Every operation signed alike, or all but one: then nothing changed.
        ops = set(lane.ops) - {op} | {op._replace(status=VOID)}
        label = f"the window of occurrence {op.occ} at nonce {op.key}:{op.seq} ends at finality"
        void = with_ops(lane, ops)._replace(backup=_voided(lane.backup, op))
        yield Move("local", label, Trust.CHANCE, void)


def _voided(backup: Backup | None, op: Op) -> Backup | None:
    if backup is None or not op.known or not is_in(backup, op):
        return backup
    stale = {one._replace(status=VOID, cancel=False) if _is_like(one, op) else one for one in backup.signed}
    return backup._replace(signed=tuple(sorted(stale)))


def _losses(lane: Lane, rules: Rules) -> Iterator[Move]:
    """A new journal: what left the process may still land, and nobody knows of it.

    Which slots are owed by it, `agent.worker.enrol` says; slots before are forgotten.
    """
    left = {op._replace(known=False) for op in lane.ops if op.status == LEFT}
    chain = tuple(entry._replace(known=False) for entry in lane.chain)
    slots = len(lane.rows)
    empty = with_ops(lane, left)._replace(next_seq=0, chain=chain, pending=(None,) * len(lane.pending))
    for newest in range(lane.due, slots):
        for first in rules.enrolled(newest):
            rows = (FORGOTTEN,) * min(first, slots) + (Row(),) * (slots - first)
            label = f"the journal is lost; a new one begins with slot {first}, slot {newest} is due"
            yield Move("lose", label, Trust.CHANCE, empty._replace(rows=rows, due=newest))


def _backups(lane: Lane, variant: Variant) -> Iterator[Move]:
    """The journal is copied, and the last copy is put back: what was signed since, it does not know."""
    copy, backup = backed_up(lane), lane.backup
    if copy != backup:
        yield Move("copy", "the journal is copied", Trust.CHANCE, lane._replace(backup=copy))
    if backup is None or copy == backup:
        return
    ops = {op._replace(known=is_in(backup, op)) for op in lane.ops}
    left = {op for op in ops if op.status == LEFT}
    # One that the copy knows may stand for others, raised since.
    ops = {op for op in ops if op.known} | (left if not variant.world.raises else _unknown(left) | left)
    ops |= {op for op in backup.signed if op.status == VOID}
    for known in product(*(_may_be_known(entry, variant, backup) for entry in lane.chain)):
        chain = tuple(entry._replace(known=word) for entry, word in zip(lane.chain, known, strict=True))
        after = lane._replace(rows=backup.rows, next_seq=backup.next_seq, chain=chain)
        idle = after._replace(pending=(None,) * len(lane.pending))
        yield Move("restore", "the copy of the journal is put back", Trust.CHANCE, with_ops(idle, ops))


def _is_like(one: Op, other: Op) -> bool:
    return (one.occ, one.key, one.seq, one.cancel) == (other.occ, other.key, other.seq, other.cancel)


def _unknown(ops: set[Op]) -> set[Op]:
    return {op._replace(known=False) for op in ops}


def _may_be_known(entry: Entry, variant: Variant, backup: Backup) -> tuple[bool, ...]:
    if not is_in(backup, entry):
        return (False,)
    return (True, False) if variant.world.raises else (True,)


def _timeouts(lane: Lane) -> Iterator[Move]:
    for occ, row in enumerate(lane.rows):
        if row.state is State.SENT:
            again = Row(State.CLAIMED, attempt=row.attempt)
            label = f"occurrence {occ} timed out and is planned anew"
            yield Move("local", label, Trust.CHANCE, with_row(lane, occ, again))


def _forgetful(lane: Lane, variant: Variant) -> Iterator[Move]:
    """A worker without a journal signs whenever the head it sees has not used the nonce."""
    if tip(lane, 0) == 0 or variant.world.stale:
        after = with_ops(lane, {*lane.ops, Op(0, 0, 0, known=False, status=LEFT)})
        yield Move("local", "a worker signs and sends occurrence 0", Trust.FAIR, after)
        if tip(lane, 0) == 0:
            entry = Entry(0, 0, 0, known=False, ok=True)
            label = "a worker sends occurrence 0, which is executed"
            yield Move("land", label, Trust.FAIR, _executed(after, entry))
