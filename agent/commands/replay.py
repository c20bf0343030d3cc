"""Run jobs over recorded blocks: what would have fired, been paid and been missed. Pure, the same every time.

The fill model is simple: what acts at one block has succeeded by the next, and the balances and prices that
follow are those recorded, as if nobody had acted. One firing of a job is open at a time, as with the worker.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from agent.commands.recording import Header, Point
from agent.commands.replay_purse import Moment, Paid, Purse, Refusal, pay
from agent.domain.evaluation import Act, ChainView, Evaluation, Read, Skip, Stop, Wait
from agent.domain.job import JobDefinition
from agent.domain.occurrence import Occurrence
from agent.domain.recurrence import Slot
from agent.domain.schedule import slots
from agent.domain.states import State
from agent.domain.units import Gas, Timestamp, Wei
from agent.domain.watching import ON_CHANGE, Again, Firings, Memory
from jobs.kind import AnyKind

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Made:
    """A firing that was paid for."""

    slot: str
    block: int
    at: Timestamp
    session: str
    cost_wei: Wei
    intent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Missed:
    """A firing that ended without a payment, or had not ended at the last block."""

    slot: str
    block: int
    """Where it fired."""
    at: Timestamp
    ended_at: Timestamp | None
    """None: it was still open at the end."""
    state: State
    code: str
    why: str


@dataclass
class _Firing:
    slot: str
    ordinal: int
    block: int
    due_at: Timestamp
    not_before: Timestamp
    code: str = "not_looked_at"
    why: str = "no block was looked at since"
    is_paid: bool = False


@dataclass
class JobRun:
    """One job in the course of a replay."""

    job: JobDefinition
    kind: AnyKind
    watched: tuple[Read, ...]
    memory: Memory = field(default_factory=dict)
    past: Firings = field(default_factory=Firings)
    again: Again = ON_CHANGE
    firing: _Firing | None = None
    due: Iterator[Slot] | None = None
    is_stopped: bool = False
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By cap: the day it was counted on (0 for caps of a whole life), and how much."""
    fires: int = 0
    glances: int = 0
    evaluations: int = 0
    alarms: int = 0
    made: list[Made] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)

    def left(self, at: Timestamp) -> dict[str, int]:
        """Return what is left of the job's own caps."""
        found = {}
        for cap in self.kind.caps(self.job.spec):
            day = at // DAY_S if cap.per_day else 0
            counted_on, used = self.spent.get(cap.name, (day, 0))
            found[cap.name] = cap.limit - (used if counted_on == day else 0)
        return found

    def totals(self) -> dict[str, int]:
        """Return what is left of the caps over its whole life."""
        left = self.left(Timestamp(0))
        return {cap.name: left[cap.name] for cap in self.kind.caps(self.job.spec) if not cap.per_day}

    def spend(self, act: Act, at: Timestamp) -> None:
        """Count what an action uses of the caps."""
        per_day = {cap.name: cap.per_day for cap in self.kind.caps(self.job.spec)}
        left = self.left(at)
        limits = {cap.name: cap.limit for cap in self.kind.caps(self.job.spec)}
        for item in act.spends:
            day = at // DAY_S if per_day[item.cap] else 0
            self.spent[item.cap] = (day, limits[item.cap] - left[item.cap] + item.amount)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found."""

    header: Header
    first: Point
    last: Point
    points: int
    runs: tuple[JobRun, ...]
    purses: Mapping[str, Purse]


class Replay:
    """Takes points one by one. Only what a point may concern is looked at, so quiet jobs cost nothing."""

    def __init__(
        self,
        jobs: Sequence[JobDefinition],
        kinds: Mapping[str, AnyKind],
        header: Header,
        purses: Mapping[str, Purse],
        gas: Gas | None = None,
    ) -> None:
        """Take the jobs in the order they are asked in; `gas` of one operation, None: as capped."""
        self._header = header
        self._purses = purses
        self._gas = gas
        self._values: dict[Read, bytes | None] = dict.fromkeys(header.reads)
        self._runs = [_run(job, kinds[job.kind]) for job in jobs]
        self._by_read: dict[int, list[int]] = defaultdict(list)
        places = {read: place for place, read in enumerate(header.reads)}
        for number, run in enumerate(self._runs):
            for read in run.watched:
                self._by_read[places[read]].append(number)
        self._at_time: list[tuple[int, int]] = []
        self._at_block: list[tuple[int, int]] = []
        self._due: list[tuple[int, int, Slot]] = []
        self._look = {number for number, run in enumerate(self._runs) if run.job.schedule is None}
        """Runs to be looked at at the next point, whatever it brings."""
        self._open: set[int] = set()

    def over(self, points: Iterable[Point]) -> Replayed:
        """Return what becomes of the jobs over these points; raise ValueError without any."""
        first: Point | None = None
        last: Point | None = None
        count = 0
        for point in points:
            if first is None:
                first = point
                self._arm(point.timestamp)
            self._take(point)
            last, count = point, count + 1
        if first is None or last is None:
            raise ValueError("there is no point to replay")
        for number in sorted(self._open):
            self._miss(self._runs[number], None, State.CLAIMED)
        return Replayed(self._header, first, last, count, tuple(self._runs), self._purses)

    def _arm(self, since: Timestamp) -> None:
        for number, run in enumerate(self._runs):
            if run.job.schedule is not None:
                run.due = iter(slots(run.job.schedule, Timestamp(since - 1)))
                self._next_slot(number, run)

    def _next_slot(self, number: int, run: JobRun) -> None:
        slot = None if run.due is None else next(run.due, None)
        if slot is not None:
            heappush(self._due, (slot.due_at, number, slot))

    def _take(self, point: Point) -> None:
        for place, answer in point.changes.items():
            self._values[self._header.reads[place]] = answer
        view = ChainView(self._header.chain_id, point.number, point.timestamp, self._values)
        self._settle(view)
        self._fall_due(view)
        for number in sorted(self._looked_at(point)):
            self._glance(number, self._runs[number], view)
        moment = Moment(point.number, point.timestamp, point.base_fee_wei)
        for number in sorted(self._open):
            self._decide(number, self._runs[number], view, moment)

    def _settle(self, view: ChainView) -> None:
        for number in sorted(self._open):
            run = self._runs[number]
            if run.firing is not None and run.firing.is_paid:
                self._end(number, run, view.timestamp, State.FINAL_OK)

    def _fall_due(self, view: ChainView) -> None:
        waiting = []
        while self._due and self._due[0][0] <= view.timestamp:
            due_at, number, slot = heappop(self._due)
            run = self._runs[number]
            if run.is_stopped:
                continue
            if run.firing is not None:
                # One operation of a job at a time: a slot waits for the one before, as with the worker.
                waiting.append((due_at, number, slot))
                continue
            self._fire(number, run, slot.key, view, Timestamp(due_at))
            self._next_slot(number, run)
        for item in waiting:
            heappush(self._due, item)

    def _looked_at(self, point: Point) -> set[int]:
        found, self._look = self._look, set()
        for place in point.changes:
            found.update(n for n in self._by_read.get(place, ()) if self._runs[n].again.on_change)
        # An entry of an earlier look counts no more: the newest one alone says when.
        found |= {n for due, n in _up_to(self._at_time, point.timestamp) if self._again(n).at_time == due}
        found |= {n for due, n in _up_to(self._at_block, point.number) if self._again(n).at_block == due}
        return found

    def _again(self, number: int) -> Again:
        return self._runs[number].again

    def _glance(self, number: int, run: JobRun, view: ChainView) -> None:
        if run.is_stopped:
            return
        told = view if run.firing is not None or not run.fires else replace(view, left=run.totals())
        seen = run.kind.watch(run.job.spec, run.job.account, told, run.memory, run.past)
        run.glances += 1
        run.alarms += seen.alarm
        run.again = seen.again
        if seen.again.at_time is not None:
            heappush(self._at_time, (seen.again.at_time, number))
        if seen.again.at_block is not None:
            heappush(self._at_block, (seen.again.at_block, number))
        if seen.fires and run.firing is not None:
            # Put aside, memory and all: it stays armed.
            return
        run.memory = seen.memory
        if seen.fires:
            self._fire(number, run, str(run.past.count + 1), view, view.timestamp)

    def _fire(self, number: int, run: JobRun, slot: str, view: ChainView, due_at: Timestamp) -> None:
        run.fires += 1
        run.firing = _Firing(slot, run.fires, view.block_number, due_at, due_at)
        run.past = _past(run, 1)
        self._open.add(number)

    def _decide(self, number: int, run: JobRun, view: ChainView, moment: Moment) -> None:
        firing = run.firing
        if firing is None or firing.is_paid or view.timestamp < firing.not_before:
            return
        if view.timestamp > firing.due_at + run.job.retry.grace_s:
            self._miss(run, view.timestamp, State.FAILED)
            self._end(number, run, view.timestamp, State.FAILED)
            return
        asked = ChainView(
            view.chain_id,
            view.block_number,
            view.timestamp,
            view.values,
            left=run.left(view.timestamp),
            memory=run.memory,
        )
        decided = run.kind.evaluate(run.job.spec, asked, _occurrence(run, firing))
        run.evaluations += 1
        if isinstance(decided, Act):
            self._pay(number, run, firing, decided, moment)
        else:
            self._put_off(number, run, firing, decided, view)

    def _put_off(
        self, number: int, run: JobRun, firing: _Firing, decided: Evaluation, view: ChainView
    ) -> None:
        if isinstance(decided, Act):
            return
        firing.code, firing.why = decided.code, decided.why
        if isinstance(decided, Wait):
            firing.not_before = decided.until
        elif isinstance(decided, Skip | Stop):
            run.is_stopped = isinstance(decided, Stop)
            state = State.HELD if run.is_stopped else State.SKIPPED
            self._miss(run, view.timestamp, state)
            self._end(number, run, view.timestamp, state)

    def _pay(self, number: int, run: JobRun, firing: _Firing, act: Act, moment: Moment) -> None:
        left = run.left(moment.at)
        short = [item.cap for item in act.spends if item.amount > left[item.cap]]
        if short:
            # The journal would not reserve it; the next day may bring room.
            firing.code, firing.why = "job_cap_reached", f"too little is left of {', '.join(short)}"
            return
        paid = pay(run.job, act.calls, moment, self._purses, self._gas)
        if isinstance(paid, Refusal):
            firing.code, firing.why = paid.code, paid.why
            if not paid.is_fee:
                # A counter never goes back: looking again would find the same.
                self._miss(run, moment.at, State.FAILED)
                self._end(number, run, moment.at, State.FAILED)
            return
        run.spend(act, moment.at)
        firing.is_paid = True
        run.made.append(_made(firing, paid, act, moment))

    def _miss(self, run: JobRun, ended_at: Timestamp | None, state: State) -> None:
        firing = run.firing
        if firing is not None and not firing.is_paid:
            seen = (firing.slot, firing.block, firing.due_at, ended_at, state, firing.code, firing.why)
            run.missed.append(Missed(*seen))

    def _end(self, number: int, run: JobRun, at: Timestamp, state: State) -> None:
        run.firing = None
        succeeded = run.past.succeeded + (state is State.FINAL_OK)
        run.past = Firings(run.past.count, 0, succeeded, at, state)
        self._open.discard(number)
        if run.job.schedule is None:
            # How the last one went may be what it waited for.
            self._look.add(number)


def _up_to(heap: list[tuple[int, int]], now: int) -> Iterator[tuple[int, int]]:
    while heap and heap[0][0] <= now:
        yield heappop(heap)


def _run(job: JobDefinition, kind: AnyKind) -> JobRun:
    watched = kind.watch_reads(job.spec, job.account) if job.schedule is None else ()
    return JobRun(job, kind, tuple(watched))


def _past(run: JobRun, is_open: int) -> Firings:
    past = run.past
    return Firings(run.fires, is_open, past.succeeded, past.last_ended_at, past.last_state)


def _occurrence(run: JobRun, firing: _Firing) -> Occurrence:
    return Occurrence(
        id=0,
        job_id=run.job.id,
        slot=firing.slot,
        ordinal=firing.ordinal,
        due_at=firing.due_at,
        state=State.CLAIMED,
        attempt=0,
        version=0,
        chain_id=run.job.chain_id,
        account=run.job.account,
    )


def _made(firing: _Firing, paid: Paid, act: Act, moment: Moment) -> Made:
    return Made(firing.slot, moment.block, moment.at, paid.session, paid.cost_wei, act.intent)
