"""Nothing is sent on an old head: the chain stands, its sequencer is down, or the node fell behind. Pure."""

from agent.domain.units import Timestamp
from agent.pipeline.refusal import Defer
from agent.ports import Block


def is_stale(head_timestamp: Timestamp, now: Timestamp, max_head_age_s: int | None) -> bool:
    """Say whether a head of that time is too old to send on; None means none is."""
    return max_head_age_s is not None and now - head_timestamp > max_head_age_s


def require_fresh(head: Block, now: Timestamp, max_head_age_s: int | None) -> None:
    """Raise Defer on a head that is too old to decide on."""
    if is_stale(head.timestamp, now, max_head_age_s):
        reason = (
            f"block {head.number} is {now - head.timestamp} s old, at most {max_head_age_s} s are allowed"
        )
        raise Defer("head_stale", reason)


def require_reached(head: Block, due_at: Timestamp) -> None:
    """Raise Defer on a head that is older than the block that made a run due: on it, nothing is due yet."""
    if head.timestamp < due_at:
        reason = f"block {head.number} is {due_at - head.timestamp} s older than the one that fired the run"
        raise Defer("node_behind", reason)
