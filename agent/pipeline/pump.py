"""Start what is due: a scheduler job per user job would stand the event loop still in a burst."""

import asyncio
from collections.abc import Callable, Mapping

from agent.domain.job import JobDefinition
from agent.domain.journal import Armed, JobCursor, JobRow, NewOccurrence
from agent.domain.occurrence import Occurrence
from agent.domain.recurrence import Slot
from agent.domain.schedule import CatchUp, Schedule, claim
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.ports import Journal

BATCH = 500
"""Jobs claimed in one transaction."""
STARTS_PER_TURN = 50
"""Occurrences handed over before the event loop gets its turn; each starts a task."""
MISSED = "missed"
MISSED_MANY = "missed_many"


def arm(job: JobRow, definition: JobDefinition, now: Timestamp) -> Armed:
    """Return the occurrences of a due job and its next slot; its catch-up rule skips what was missed."""
    cursor = job.enrolment.cursor
    if cursor is None or definition.schedule is None:
        return Armed((), None)
    slot = Slot(cursor.slot, cursor.due_at, cursor.ordinal)
    decision = claim(definition.schedule, definition.catch_up, definition.retry.grace_s, slot, now)
    skipped = [
        NewOccurrence(slot.key, slot.ordinal, slot.due_at, State.SKIPPED, MISSED, _reason(slot, now))
        for slot in decision.skipped
    ]
    if decision.unlisted is not None:
        skipped.append(_summary(*decision.unlisted))
    due = [] if decision.run is None else [_new(decision.run)]
    following = decision.next
    moved = None if following is None else JobCursor(following.key, following.ordinal, following.due_at)
    return Armed((*skipped, *due), moved)


class DuePump:
    """Claims due slots in batches and hands each new occurrence on; ticked by the worker's clock."""

    def __init__(
        self,
        journal: Journal,
        definitions: Mapping[str, JobDefinition],
        started: Callable[[Occurrence], None],
        batch: int = BATCH,
    ) -> None:
        """Take `started`, which begins an occurrence's task and returns at once."""
        self._journal = journal
        self._known = _grouped(definitions)
        self._started = started
        self._batch = batch

    async def tick(self, now: Timestamp) -> int:
        """Start everything that is due at `now`; return how many occurrences were started."""
        started = 0
        while True:
            armed = _Arming(self._known, now)
            rows = await self._journal.claim_due(now, self._batch, armed)
            started += await self._start(rows)
            if armed.count < self._batch:
                return started

    async def _start(self, rows: tuple[Occurrence, ...]) -> int:
        due = [row for row in rows if row.state is not State.SKIPPED]
        for place, row in enumerate(due, 1):
            self._started(row)
            if place % STARTS_PER_TURN == 0:
                await asyncio.sleep(0)
        return len(due)


class _Arming:
    """Arms the jobs of one batch and counts them."""

    def __init__(self, known: Mapping[str, tuple[int, JobDefinition]], now: Timestamp) -> None:
        self._known = known
        self._now = now
        self._armed: dict[tuple[int, str, Timestamp], Armed] = {}
        self.count = 0

    def __call__(self, job: JobRow) -> Armed:
        cursor = job.enrolment.cursor
        known = self._known.get(job.enrolment.job_id)
        if known is None or cursor is None:
            # Enrolled by another command since: it waits for the worker that knows it.
            return Armed((), cursor)
        self.count += 1
        group, definition = known
        key = group, cursor.slot, cursor.due_at
        armed = self._armed.get(key)
        if armed is None:
            armed = self._armed[key] = arm(job, definition, self._now)
        return armed


def _grouped(definitions: Mapping[str, JobDefinition]) -> dict[str, tuple[int, JobDefinition]]:
    """Give each schedule a number: jobs of one template share theirs, and the calendar is asked once."""
    numbers: dict[object, int] = {}
    return {
        job_id: (numbers.setdefault(_timing(definition), len(numbers)), definition)
        for job_id, definition in definitions.items()
    }


def _timing(definition: JobDefinition) -> tuple[Schedule | None, CatchUp, int]:
    return definition.schedule, definition.catch_up, definition.retry.grace_s


def _new(slot: Slot) -> NewOccurrence:
    return NewOccurrence(slot.key, slot.ordinal, slot.due_at)


def _summary(first: Slot, last: Slot) -> NewOccurrence:
    """Stand for slots that nobody would want a row each of."""
    reason = (
        f"stands for every slot from {first.key} to {last.key}: all were missed, too many for a row each, "
        "and the catch-up rule leaves them out"
    )
    return NewOccurrence(first.key, first.ordinal, first.due_at, State.SKIPPED, MISSED_MANY, reason)


def _reason(slot: Slot, now: Timestamp) -> str:
    return f"was due {now - slot.due_at} s ago, and the catch-up rule leaves it out"
