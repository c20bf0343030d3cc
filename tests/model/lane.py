"""What one lane of the model is: journal rows, signed operations, its part of the chain, pending writes."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from agent.domain.states import Event, State
from tests.model.explore import Trust

ALIEN = -1
"""The occurrence of an operation that somebody else signed."""
NO_NONCE = -1
REMEMBERED = 100_000
"""Answers that are kept: many lanes differ in one part only."""
SIGNED, LEFT, VOID = "signed", "left", "void"
"""No byte has left; bytes have left and may land; no later block can include it."""


class Row(NamedTuple):
    """An occurrence as the journal keeps it."""

    state: State = State.DUE
    held_from: State | None = None
    attempt: int = 0
    key: int = NO_NONCE
    seq: int = NO_NONCE
    signed: bool = False
    """Whether an operation was signed since the last retry."""
    seen: bool | None = None
    """Success of the inclusion that the journal notes."""
    live: bool = False
    """Whether that inclusion's block is on the canonical chain."""
    settled: bool = False
    aside: bool = False
    """Whether it is held because the lane may have paid it: the lane goes on without it."""


class Op(NamedTuple):
    """All operations of one occurrence and nonce that fare alike."""

    occ: int
    key: int
    seq: int
    known: bool
    """Whether the journal has it."""
    status: str
    cancel: bool = False
    """Whether it takes the nonce and pays nothing."""


class Entry(NamedTuple):
    """An operation that the canonical chain has executed."""

    occ: int
    key: int
    seq: int
    known: bool
    ok: bool
    """Whether it paid."""
    cancel: bool = False


class Seen(NamedTuple):
    """An operation of ours in the logs that a node showed."""

    ok: bool
    live: bool
    """Whether its block is on the canonical chain."""
    cancel: bool = False


class Write(NamedTuple):
    """A step that a worker has decided on and not yet written."""

    occ: int
    event: Event
    key: int = NO_NONCE
    seq: int = NO_NONCE
    seen: Seen | None = None
    cancel: bool = False
    """Whether what is signed or sent is a cancel."""


class Backup(NamedTuple):
    """A copy of the journal."""

    rows: tuple[Row, ...]
    next_seq: int
    signed: tuple[Op, ...]
    """The operations that it has, as they are now."""


class Lane(NamedTuple):
    """Everything that one lane's future depends on."""

    rows: tuple[Row, ...]
    next_seq: int
    """The lane's next sequence by the journal."""
    ops: tuple[Op, ...]
    chain: tuple[Entry, ...]
    """What is not final, behind what is final and still read."""
    final: int
    """How many entries of `chain` are final."""
    used: tuple[int, ...]
    """By key: the sequence at the finalized block."""
    paid: tuple[int, ...]
    """By occurrence: the sequence behind the one that paid it, final; 0 when none did."""
    pending: tuple[Write | None, ...]
    """By worker."""
    aliens: int = 0
    """Operations of others that are final."""
    due: int = 0
    """The newest slot that is known to be due."""
    backup: Backup | None = None


class Move(NamedTuple):
    """One step of the world, with the lane it leads to."""

    kind: str
    """`local`, or what lanes share: `land`, `reorg`, `finalize`, `lose` and `crash N`."""
    label: str
    trust: Trust
    lane: Lane


def initial(occurrences: int, keys: int, workers: int) -> Lane:
    """Return a lane whose slots are all due and nothing was done."""
    return Lane(
        rows=(Row(),) * occurrences,
        next_seq=0,
        ops=(),
        chain=(),
        final=0,
        used=(0,) * keys,
        paid=(0,) * occurrences,
        pending=(None,) * workers,
    )


def tip(lane: Lane, key: int) -> int:
    """Return the key's sequence at the head."""
    return lane.used[key] + sum(entry.key == key for entry in lane.chain[lane.final :])


def may_land(lane: Lane) -> list[Op]:
    """Return the operations that some block to come, or one in place of another, may execute."""
    return [op for op in lane.ops if op.status == LEFT and op.seq >= lane.used[op.key]]


def with_row(lane: Lane, occ: int, row: Row, next_seq: int | None = None) -> Lane:
    """Return the lane with the row replaced, and what others had decided about the old one dropped."""
    rows = (*lane.rows[:occ], row, *lane.rows[occ + 1 :])
    pending = tuple(None if write is None or write.occ == occ else write for write in lane.pending)
    next_seq = lane.next_seq if next_seq is None else next_seq
    return lane._replace(rows=rows, next_seq=next_seq, pending=pending, due=max(lane.due, occ))


def with_ops(lane: Lane, ops: Iterable[Op]) -> Lane:
    """Return the lane with these operations, without those that another one stands for."""
    return lane._replace(ops=_standing(frozenset(ops)))


@lru_cache(REMEMBERED)
def _standing(ops: frozenset[Op]) -> tuple[Op, ...]:
    """Return the operations that no other one stands for.

    Beside one that left, one that did not adds nothing: let it land as well. A void one is asked for only
    where all are void.
    """
    left = {op._replace(status=SIGNED) for op in ops if op.status == LEFT}
    alive = {(op.occ, op.key, op.seq, op.known) for op in ops if op.status != VOID}
    kept = {
        op._replace(cancel=False) if op.status == VOID else op
        for op in ops
        if op not in left and (op.status != VOID or op[:4] not in alive)
    }
    return tuple(sorted(kept))


def tidy(lane: Lane, *, workers_alike: bool) -> Lane:
    """Return the lane without what no rule can ask for any more, in one order for all that are alike."""
    rows = tuple(map(_closed, lane.rows))
    if rows != lane.rows:
        lane = lane._replace(rows=rows)
    ops = tuple(op for op in lane.ops if _is_read(op, lane) or _flies(op, lane))
    kept = tuple(
        entry
        for entry in lane.chain[: lane.final]
        if _is_read(entry, lane) or _may_be_recognised(entry, lane)
    )
    pending = tuple(sorted(lane.pending, key=_order)) if workers_alike else lane.pending
    return lane._replace(ops=ops, chain=kept + lane.chain[lane.final :], final=len(kept), pending=pending)


def backed_up(lane: Lane) -> Backup:
    """Return a copy of the journal as it is."""
    known = {_named(op) for op in lane.ops if op.known and reads(lane.rows, op)}
    return Backup(lane.rows, lane.next_seq, tuple(sorted(known)))


def is_in(backup: Backup | None, item: Op | Entry) -> bool:
    """Say whether the copy has the operation."""
    return backup is not None and _named(item) in backup.signed


def _named(item: Op | Entry) -> Op:
    status = VOID if isinstance(item, Op) and item.status == VOID else LEFT
    return Op(item.occ, item.key, item.seq, known=True, status=status, cancel=item.cancel)


def reads(rows: tuple[Row, ...], item: Op | Entry) -> bool:
    """Say whether the nonce is the one that its occurrence is at."""
    row = rows[item.occ]
    return item.occ != ALIEN and (row.key, row.seq) == (item.key, item.seq)


def _order(write: Write | None) -> tuple[object, ...]:
    return () if write is None else (*write[:4], write.seen or (), write.cancel)


_CLOSED = {state: Row(state) for state in State}
_BOOKED = Row(State.FINAL_OK, seen=True)


def is_closed(row: Row) -> bool:
    """Say whether nobody has to do anything about the row any more."""
    if row.state in (State.FINAL_OK, State.FAILED, State.CANCELLED):
        return row.settled or not row.signed
    return row.state is State.SKIPPED


def is_open(row: Row) -> bool:
    """Say whether the row is worked on, or whether it blocks those behind it."""
    return not is_closed(row) and not row.aside


def is_booked(row: Row) -> bool:
    """Say whether the journal has the payment: see `agent.domain.lane_history.booked_slots`."""
    return row.state is State.FINAL_OK and row.seen is True


@lru_cache(REMEMBERED)
def _closed(row: Row) -> Row:
    if not is_closed(row):
        return row
    return _BOOKED if is_booked(row) else _CLOSED[row.state]


def _flies(op: Op, lane: Lane) -> bool:
    return op.status == LEFT and op.seq >= lane.used[op.key]


def _may_be_recognised(entry: Entry, lane: Lane) -> bool:
    """Say whether it is a payment on the nonce of a run, in the journal or in its copy, whosever it is."""
    rows = lane.rows if lane.backup is None else lane.rows + lane.backup.rows
    return entry.ok and any((row.key, row.seq) == (entry.key, entry.seq) for row in rows)


def _is_read(item: Op | Entry, lane: Lane) -> bool:
    if item.known and reads(lane.rows, item):
        return True
    return lane.backup is not None and is_in(lane.backup, item) and reads(lane.backup.rows, item)
