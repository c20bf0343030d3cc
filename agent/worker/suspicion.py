"""What counters tell that no log does: a re-enable that nothing names, and uses by who hides the session."""

from agent.domain.budget import LimitKey
from agent.domain.hold import SessionScope
from agent.smart_sessions.drift import ForeignUse
from agent.worker.log_scan import Scan
from agent.worker.reading import Told


def counter_fell(told: Told, before: Told) -> bool:
    """Say whether a counter stands lower than it did."""
    used = _used(before)
    return any(count < used.get(key, 0) for key, count in _used(told).items())


def unexplained_uses(scope: SessionScope, told: Told, before: Told, scan: Scan) -> tuple[ForeignUse, ...]:
    """Return the foreign operations that may have been under a session whose counters rose, and none of ours.

    Whoever sends a transaction can hide from its call data which session an operation is under. When one of
    ours was included in the same blocks too, the rise says nothing.
    """
    since = before.block.number
    suspects = tuple(use for use in scan.nameless.get(scope, ()) if use.block > since)
    if not suspects or not _rose(told, before):
        return ()
    ours = any(block > since for block in scan.own.get(scope, ()))
    enabled = any(event.block > since for event in scan.events.get(scope, ()))
    return () if ours or enabled else suspects


def _rose(told: Told, before: Told) -> bool:
    used = _used(before)
    return any(key in used and count > used[key] for key, count in _used(told).items())


def _used(told: Told) -> dict[LimitKey, int]:
    return {use.key: use.used for use in told.uses}
