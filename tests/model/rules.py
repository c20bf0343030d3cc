"""The agent's own rules, asked with small values; answers are remembered, never guessed."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

from agent.commands.runs_resolve import Lane as FinalLane
from agent.commands.runs_resolve import StillInFlight, check
from agent.commands.runs_resolve import lane_after as lane_after_word
from agent.domain.errors import IllegalTransition
from agent.domain.job import JobDefinition
from agent.domain.journal import Change
from agent.domain.journal_step import holds_lane, step
from agent.domain.journal_step import next_sequence as lane_after
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Inclusion, Nonce, Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.recurrence import Interval
from agent.domain.schedule import CatchUp, Retry, Schedule
from agent.domain.states import Event, State, next_state
from agent.domain.units import Timestamp, Wei
from agent.pipeline.confirm import Evidence, Verdict, judge
from agent.pipeline.context import JobContext
from agent.pipeline.refusal import Defer, Stuck
from agent.pipeline.sequence import next_sequence
from agent.pipeline.settle import after_the_end
from agent.ports import Block
from agent.worker.enrol import first_cursor
from agent.worker.lanes import is_left_aside
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash, a_journaled_operation
from tests.model.lane import NO_NONCE, VOID, Op, Row, Seen

CANONICAL, LEFT_BEHIND = a_hash(1), a_hash(2)
FINAL_BLOCK, LATER_BLOCK = 1, 2
PAYMENT, CANCEL = 1, 2
IS_PAST = int(NOW) - 1
SLOT_S, GRACE_S = 100, 10
UNASKED = (Row(), -1)
Asked = tuple[Row, Event, int, tuple[int, int] | None, Seen | None, int | None, str]


class Rules:
    """Answers for one exploration, so that a table changed by a test is read anew."""

    def __init__(self, attempts: int) -> None:
        """Take how many attempts the retry ladder has."""
        self._steps: dict[Asked, tuple[Row, int] | None] = {}
        self._allowed: dict[tuple[State, Event], bool] = {}
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._sequences: dict[tuple[int, int], int | type[Exception]] = {}
        self._retries: dict[Row, bool] = {}
        self._holders: dict[Row, bool] = {}
        self._enrolled: dict[int, frozenset[int]] = {}
        retry = Retry(delays_s=(0,) * (attempts - 1))
        self._job = cast(JobDefinition, SimpleNamespace(catch_up=CatchUp.LATEST, retry=retry))

    def change(
        self,
        row: Row,
        event: Event,
        next_seq: int,
        *,
        nonce: tuple[int, int] | None = None,
        seen: Seen | None = None,
        lane_next: int | None = None,
        code: str = "",
    ) -> tuple[Row, int] | None:
        """Return row and lane after the event, or None when the table refuses it."""
        asked = (row, event, next_seq, nonce, seen, lane_next, code)
        found = self._steps.get(asked, UNASKED)
        if found is UNASKED:
            found = self._steps[asked] = _change(*asked)
        return found

    def taken(self) -> frozenset[tuple[State, Event]]:
        """Return the rows of the table that were asked for and said yes."""
        return frozenset((asked[0].state, asked[1]) for asked, step in self._steps.items() if step)

    def allows(self, state: State, event: Event) -> bool:
        """Say whether the table has such a row."""
        found = self._allowed.get((state, event))
        if found is None:
            found = self._allowed[state, event] = _allows(state, event)
        return found

    def verdict(
        self, row: Row, ops: tuple[Op, ...], seen: Seen | None, *, used: bool, final: bool
    ) -> Verdict:
        """Return what `judge` makes of a look: an inclusion, and whether the nonce is used at finality.

        `final` says that the inclusion's block is.
        """
        asked = (row, ops, seen, used, final)
        found = self._verdicts.get(asked)
        if found is None:
            evidence = Evidence(
                inclusion=None if seen is None else inclusion(seen, final=final),
                final_sequence=row.seq + used,
                final_block=FINAL_BLOCK,
                final_timestamp=NOW,
            )
            judged = occurrence(row, final=final)
            found = self._verdicts[asked] = judge(judged, operations(ops), evidence, NOW)
        return found

    def sequence(self, known: int, on_chain: int) -> int | type[Exception]:
        """Return the next sequence, or the error that `next_sequence` raises: Defer or Stuck."""
        if (known, on_chain) not in self._sequences:
            self._sequences[known, on_chain] = _sequence(known, on_chain)
        return self._sequences[known, on_chain]

    def retries(self, row: Row) -> bool:
        """Say whether the ladder has an attempt left, while the grace lasts."""
        if row not in self._retries:
            change = after_the_end(self._job, occurrence(row), NOW)
            self._retries[row] = change is not None and change.event is Event.RETRY
        return self._retries[row]

    def resolved(self, row: Row, next_seq: int, final_sequence: int) -> int:
        """Return the lane's next sequence after a person's decision."""
        return lane_after_word(occurrence(row), next_seq, final_sequence)

    def enrolled(self, newest: int) -> frozenset[int]:
        """Return with which slot a new journal may begin when this one is the newest that is due.

        Within its grace and after it, in a job with a start and without.
        """
        if newest not in self._enrolled:
            due = newest * SLOT_S
            self._enrolled[newest] = frozenset(
                _first_slot(start, at) for start in (0, None) for at in (due, due + 2 * GRACE_S)
            )
        return self._enrolled[newest]

    def holds(self, row: Row) -> bool:
        """Say whether nothing else may be planned on the lane beside it."""
        if row not in self._holders:
            self._holders[row] = holds_lane(occurrence(row))
        return self._holders[row]


def occurrence(row: Row, *, final: bool = False) -> Occurrence:
    """Return the journal's record of the row."""
    return Occurrence(
        id=1,
        job_id="rent",
        slot="2026-03",
        ordinal=0,
        due_at=NOW,
        state=row.state,
        attempt=row.attempt,
        version=0,
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        held_from=row.held_from,
        code=LANE_AHEAD if row.aside else "",
        nonce=None if row.seq == NO_NONCE else Nonce(row.key, row.seq),
        user_op_hash=a_hash() if row.signed else None,
        inclusion=None if row.seen is None else inclusion(Seen(row.seen, row.live), final=final and row.live),
        settled=row.settled,
        created_at=NOW,
        updated_at=NOW,
    )


def inclusion(seen: Seen, *, final: bool) -> Inclusion:
    """Return where an operation was seen."""
    return Inclusion(
        user_op_hash=a_hash(CANCEL if seen.cancel else PAYMENT),
        transaction_hash=a_hash(),
        block_number=FINAL_BLOCK if final else LATER_BLOCK,
        block_hash=CANONICAL if seen.live else LEFT_BEHIND,
        success=seen.ok,
        actual_gas_cost_wei=Wei(1),
        delivered=True if seen.ok else None,
    )


def operations(ops: tuple[Op, ...]) -> tuple[JournaledOperation, ...]:
    """Return what the journal has signed."""
    return tuple(_operation(op) for op in ops)


def _operation(op: Op) -> JournaledOperation:
    signed = a_journaled_operation(
        seed=CANCEL if op.cancel else PAYMENT,
        nonce=Nonce(op.key, op.seq),
        valid_until=IS_PAST if op.status == VOID else None,
    )
    return replace(signed, cancels=op.cancel)


def person_may_decide(row: Row, ops: tuple[Op, ...], final_sequence: int) -> bool:
    """Say whether `runs resolve` takes a decision now."""
    block = Block(FINAL_BLOCK, CANONICAL, NOW, Wei(0))
    try:
        check(occurrence(row), operations(ops), FinalLane(final_sequence, block), "looked at the account")
    except StillInFlight:
        return False
    return True


def _allows(state: State, event: Event) -> bool:
    try:
        next_state(state, event)
    except IllegalTransition:
        return False
    return True


def _change(
    row: Row,
    event: Event,
    next_seq: int,
    nonce: tuple[int, int] | None,
    seen: Seen | None,
    lane_next: int | None,
    code: str,
) -> tuple[Row, int] | None:
    before = occurrence(row)
    change = Change(
        before.id,
        before.version,
        event,
        Timestamp(NOW),
        code=code,
        nonce=None if nonce is None else Nonce(*nonce),
        inclusion=None if seen is None else inclusion(seen, final=False),
        lane_next=lane_next,
    )
    try:
        after = step(before, change, a_hash() if event in (Event.SIGN, Event.RAISE) else None)
    except IllegalTransition:
        return None
    return _row(after), lane_after(before, change, next_seq)


def _row(after: Occurrence) -> Row:
    nonce, seen = after.nonce, after.inclusion
    return Row(
        after.state,
        after.held_from,
        after.attempt,
        NO_NONCE if nonce is None else nonce.key,
        NO_NONCE if nonce is None else nonce.sequence,
        after.user_op_hash is not None,
        None if seen is None else seen.success,
        seen is not None and seen.block_hash == CANONICAL,
        after.settled,
        is_left_aside(after),
    )


def _first_slot(start: int | None, at: int) -> int:
    rule = Interval(Timestamp(0), SLOT_S)
    schedule = Schedule(rule, None if start is None else Timestamp(start))
    definition = SimpleNamespace(schedule=schedule, retry=Retry(grace_s=GRACE_S))
    cursor = first_cursor(cast(JobContext, SimpleNamespace(definition=definition)), Timestamp(at), None)
    assert cursor is not None
    return cursor.ordinal


def _sequence(known: int, on_chain: int) -> int | type[Exception]:
    try:
        return next_sequence(known, on_chain)
    except Defer:
        return Defer
    except Stuck:
        return Stuck
