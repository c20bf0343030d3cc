"""What a worker may see of the chain when it looks at one nonce."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model.explore import Trust
from tests.model.lane import LEFT, Entry, Lane, Op, Seen, is_booked, tip
from tests.model.variant import Variant


class Look(NamedTuple):
    """What a node answered."""

    seen: Seen | None
    used: bool
    """Whether the nonce is used at the finalized block."""
    final: bool
    """Whether the block of `seen` is final."""
    fresh: bool
    """Whether it is the canonical head that was looked at."""
    recognised: bool = False
    """Whether the payment that took the nonce, which the journal does not know, may be called the run's."""


NOTHING = Look(None, used=False, final=False, fresh=True)
UNSEEN = Look(None, used=False, final=False, fresh=False)


def looks(lane: Lane, occ: int, variant: Variant) -> Iterator[Look]:
    """Yield what the nodes may say of the nonce of the occurrence; the canonical head's word first."""
    fresh = _fresh(lane, occ, variant)
    yield fresh
    if not variant.world.stale:
        return
    if fresh.used and fresh.seen is not None:
        yield Look(fresh.seen, used=False, final=False, fresh=False)
        if variant.deviation.trusts_mixed_nodes:
            yield Look(None, used=True, final=False, fresh=False)
    if fresh != NOTHING:
        yield UNSEEN
    if any(op.status == LEFT and not op.cancel for op in ours(lane, occ)):
        # A branch that was left, or a node that lies about what is not final.
        for ok in (True, False):
            yield Look(Seen(ok, live=False), used=False, final=False, fresh=False)


def ours(lane: Lane, occ: int) -> tuple[Op, ...]:
    """Return what the journal has signed for the occurrence's nonce."""
    row = lane.rows[occ]
    return tuple(op for op in lane.ops if op.known and (op.occ, op.key, op.seq) == (occ, row.key, row.seq))


def sequences(lane: Lane, key: int, variant: Variant) -> Iterator[tuple[int, Trust]]:
    """Yield what the nodes may say of a key's sequence; the canonical head's word is to be trusted."""
    head = tip(lane, key)
    yield head, Trust.FAIR
    if variant.world.stale:
        yield from ((older, Trust.CHANCE) for older in range(head))


def _fresh(lane: Lane, occ: int, variant: Variant) -> Look:
    row = lane.rows[occ]
    for place, entry in enumerate(lane.chain):
        if (entry.key, entry.seq) != (row.key, row.seq):
            continue
        final = place < lane.final or variant.deviation.retries_before_finality
        mine = entry.known and entry.occ == occ
        seen = Seen(entry.ok, live=True, cancel=entry.cancel) if mine else None
        recognised = not mine and _is_recognised(lane, occ, entry)
        return Look(seen, used=final, final=final and mine, fresh=True, recognised=recognised)
    return Look(None, used=lane.used[row.key] > row.seq, final=False, fresh=True)


def _is_recognised(lane: Lane, occ: int, entry: Entry) -> bool:
    """Say whether `agent.pipeline.recognise` may take it for the payment of the occurrence.

    Payments are alike. It looks at every other slot that could have been paid by then, and of each the
    journal must have the payment. Which slots those are, due times and the block's time say, which are left
    open here: the one that was really paid is always among them, and perhaps no other is.
    """
    return entry.ok and (entry.occ == occ or is_booked(lane.rows[entry.occ]))
