"""What must hold in every state; the names are those of docs/exactly-once.md."""

from collections.abc import Iterator

from agent.domain.states import TERMINAL, WAITS_FOR_PERSON, State
from tests.model.lane import LEFT, VOID, Lane, may_land
from tests.model.variant import Variant

OVER = frozenset(
    {State.FINAL_OK, State.FINAL_FAIL, State.EXPIRED, State.FAILED, State.SKIPPED, State.CANCELLED}
)
"""States that say nothing signed for the occurrence can land any more."""


def broken(lane: Lane, variant: Variant) -> str:
    """Return the first property that the lane breaks, or nothing."""
    found = (said for check in CHECKS for said in check(lane, variant))
    return next((said for said in found if said.startswith(variant.breaks)), "")


def executions(lane: Lane, occ: int) -> int:
    """Count the occurrence's successful executions on the canonical chain."""
    return bool(lane.paid[occ]) + sum(entry.ok and entry.occ == occ for entry in lane.chain[lane.final :])


def is_done(lane: Lane, variant: Variant) -> bool:
    """Say whether each occurrence has its end, or the lane waits for a person."""
    if variant.deviation.no_journal:
        return lane.used[0] > 0
    # Behind a run that waits for a person the lane waits as well: its slots are given up, or go on later.
    first = next((row.state for row in lane.rows if row.state not in TERMINAL and not row.aside), None)
    return first is None or first in WAITS_FOR_PERSON


def is_over(lane: Lane, variant: Variant) -> bool:
    """Say whether each occurrence has its end."""
    if variant.deviation.no_journal:
        return lane.used[0] > 0
    return all(row.state in TERMINAL for row in lane.rows)


def _paid_twice(lane: Lane, _: Variant) -> Iterator[str]:
    if any(executions(lane, occ) > 1 for occ in range(len(lane.rows))):
        yield "I1: an occurrence is executed twice on the canonical chain"


def _unwritten(lane: Lane, variant: Variant) -> Iterator[str]:
    forgets = variant.world.forgets or variant.deviation.no_journal
    if not forgets and any(op.status == LEFT and not op.known for op in lane.ops):
        yield "I4: bytes have left that the journal does not have"


def _shared_nonces(lane: Lane, variant: Variant) -> Iterator[str]:
    flying = [op for op in lane.ops if op.status != VOID and op.seq >= lane.used[op.key]]
    for op in flying:
        for other in flying:
            same_nonce = (op.key, op.seq) == (other.key, other.seq)
            if op.occ == other.occ and not same_nonce:
                yield "I5: two nonces of one occurrence may both land"
            # An operation that a lost journal has forgotten is no part of the journal's promise.
            promised = (op.known and other.known) or not variant.world.forgets
            if op.occ != other.occ and same_nonce and promised:
                yield "I5: operations of two occurrences may land on one nonce"


def _untruths(lane: Lane, variant: Variant) -> Iterator[str]:
    landing = {op.occ for op in may_land(lane) if op.known or not variant.world.forgets}
    for occ, row in enumerate(lane.rows):
        state = row.state
        if state is State.FINAL_OK and not lane.paid[occ]:
            yield "I8: an occurrence is called paid and is not, at finality"
        if state in OVER and occ in landing:
            yield f"I8: an occurrence is called {state} while an operation of it may land"
        ended_unpaid = state in OVER - {State.FINAL_OK} or state is State.FOREIGN
        if ended_unpaid and executions(lane, occ) and not variant.world.forgets:
            yield f"I8: an occurrence is called {state} and is paid"


CHECKS = (_paid_twice, _unwritten, _shared_nonces, _untruths)
