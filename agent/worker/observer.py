"""Tells the log and the metrics what became of occurrences."""

from collections.abc import Callable

import structlog

from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL, WAITS_FOR_PERSON
from agent.domain.units import ChainId, Timestamp
from agent.pipeline.context import JobContext
from agent.ports import Block
from agent.telemetry.metrics import Metrics

log = structlog.get_logger()
OnHead = Callable[[ChainId, Block, Timestamp], None]
NOT_IN_FILES = "not_in_files"
"""Stands for the kind of a job that left the files."""


class Observer:
    """Watches and changes nothing."""

    def __init__(self, metrics: Metrics, on_head: OnHead = lambda _chain, _head, _now: None) -> None:
        self.metrics = metrics
        self._on_head = on_head

    def head_seen(self, chain_id: ChainId, head: Block, now: Timestamp) -> None:
        """Note the newest block of a chain."""
        self.metrics.head_observed(str(chain_id), head.number, now - head.timestamp)
        self._on_head(chain_id, head, now)

    def started(self, occurrence: Occurrence, now: Timestamp) -> None:
        """Note that work on an occurrence began."""
        if occurrence.attempt == 0 and not occurrence.code:
            self.metrics.occurrence_started(now - occurrence.due_at)

    def changed(self, job: JobContext | None, before: Occurrence, after: Occurrence) -> None:
        """Log the new state; count the operation when it has ended or waits for a person."""
        if before.state is after.state and before.code == after.code:
            return
        warn = after.state in WAITS_FOR_PERSON or str(after.state) == "failed"
        emit = log.warning if warn else log.info
        emit(
            "occurrence_changed",
            occurrence=after.id,
            job=after.job_id,
            slot=after.slot,
            from_state=str(before.state),
            state=str(after.state),
            attempt=after.attempt,
            code=after.code or None,
            reason=after.reason or None,
            user_op_hash=str(after.user_op_hash) if after.user_op_hash else None,
        )
        ended = after.state in TERMINAL and before.state not in TERMINAL
        if ended or (after.state in WAITS_FOR_PERSON and before.state not in WAITS_FOR_PERSON):
            kind = NOT_IN_FILES if job is None else job.kind.name
            self.metrics.operation_finished(kind, str(after.state))
