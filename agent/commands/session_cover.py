"""Does a session let a job do everything it can do? The demand of its jobs, and the gaps in plain words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from agent.commands.jobs import upcoming
from agent.commands.session_grant import grant_counters, grant_of
from agent.commands.session_need import ESTIMATE_GAS, GAS_PER_OPERATION, MAX_PERIODS, SETTLE_MARGIN_S
from agent.commands.session_purpose import life_firings
from agent.commands.session_words import Tokens, amount_text, date_text
from agent.definitions.sessions import SessionDefinition
from agent.domain.job import JobDefinition
from agent.domain.journal import JobRow
from agent.domain.recurrence import Slot
from agent.domain.schedule import slots
from agent.domain.states import TERMINAL, State
from agent.domain.units import Address, Timestamp
from agent.pipeline.context import ChainContext
from agent.ports import Journal
from agent.smart_sessions.cover import Demand, Gap, Period, cover
from agent.smart_sessions.grant import Counters, as_granted
from agent.smart_sessions.ids import called_selector
from agent.smart_sessions.lint.selectors import function_name
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.reverts import Revert
from jobs.kind import AnyKind

Kinds = Mapping[str, AnyKind]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a proof found for one job and one session, with the other jobs that share the session."""

    job: str
    session: SessionDefinition
    with_jobs: tuple[str, ...]
    is_granted: bool
    """Held against what the chain says is left; else against the session as in its file."""
    periods: int
    """Of the job."""
    gaps: tuple[Gap, ...]

    @property
    def is_covered(self) -> bool:
        """Whether nothing is missing."""
        return not self.gaps


async def coverage(
    chain: ChainContext,
    journal: Journal,
    session: SessionDefinition,
    jobs: Sequence[JobDefinition],
    kinds: Kinds,
    now: Timestamp,
    most_periods: int | None = None,
) -> Coverage:
    """Hold what is left of a session against what is left to do for its jobs, the first of them in question.

    A session that is not granted yet is held against its whole life instead. Raise ChainUnavailable.
    """
    head = await chain.reader.block("latest")
    counters = await grant_counters(chain.reader, grant_of(session), head.number)
    if not counters.enabled:
        return coverage_of_file(session, jobs, kinds, now, most_periods)
    rows = {row.enrolment.job_id: row for row in await journal.jobs()}
    open_states = tuple(set(State) - TERMINAL)
    demands = []
    for job in jobs:
        open_ones = await journal.occurrences(job_id=job.id, states=open_states)
        # What is included has been counted by the chain already.
        unpaid = [item.due_at for item in open_ones if item.inclusion is None]
        if job.schedule is None:
            due = (await _remaining_firings(journal, session, job, kinds[job.kind], now))[:most_periods]
        else:
            due = remaining_periods(session, job, rows.get(job.id), unpaid, now, most_periods)
        demands.append(_demand(session, job, kinds, due, most_headroom=1))
    gaps = cover(grant_of(session), counters, demands)
    return _coverage(session, jobs, demands, gaps, is_granted=True)


def coverage_of_file(
    session: SessionDefinition,
    jobs: Sequence[JobDefinition],
    kinds: Kinds,
    now: Timestamp,
    most_periods: int | None = None,
) -> Coverage:
    """Hold a session, unused, against its whole life: all that its jobs do from when it was made on."""
    periods = [life_periods(session, job, kinds[job.kind], now, most_periods) for job in jobs]
    demands = [_demand(session, job, kinds, due) for job, due in zip(jobs, periods, strict=True)]
    return _coverage(session, jobs, demands, fresh_gaps(session, demands), is_granted=False)


def life_periods(
    session: SessionDefinition, job: JobDefinition, kind: AnyKind, now: Timestamp, most: int | None = None
) -> tuple[Period, ...]:
    """Return the periods that a session is for, from when it was made on: slots, or firings."""
    since = now if session.made_at is None else session.made_at
    if job.schedule is None:
        firings = life_firings(session, job, kind)
        return _firings(session, job, kind, since, 1 if firings is None else firings)[:most]
    # A period whose grace had not ended was still to be paid then.
    return _periods(session, job, slots(job.schedule, Timestamp(since - job.retry.grace_s)), most)


def remaining_periods(
    session: SessionDefinition,
    job: JobDefinition,
    row: JobRow | None,
    unpaid: Iterable[Timestamp],
    now: Timestamp,
    most: int | None = None,
) -> tuple[Period, ...]:
    """Return the periods still to be paid: those begun and not included, and those to come."""
    begun = tuple(_period(job, due_at) for due_at in unpaid)
    return (*begun, *_periods(session, job, upcoming(job, row, now), most))


def demand_for(job: JobDefinition, kind: AnyKind, periods: tuple[Period, ...], headroom: int) -> Demand:
    """Return all that a job can do in these periods, with so many spare operations."""
    return Demand(
        operations=tuple(kind.possible_operations(job.spec, job.account, len(periods) + headroom)),
        periods=periods,
        gas=job.fees.max_gas or GAS_PER_OPERATION,
        cost_wei=job.fees.max_cost_wei,
        spare_gas=ESTIMATE_GAS,
        needs_paymaster=job.needs_paymaster,
    )


def fresh_gaps(session: SessionDefinition, demands: Sequence[Demand]) -> tuple[Gap, ...]:
    """Hold demands against the session as it would be right after its grant."""
    grant = grant_of(session)
    try:
        counters: Counters = as_granted(grant)
    except Revert:
        return (Gap("not_grantable", "the contracts refuse the data of a policy: make a new session"),)
    return cover(grant, counters, demands)


def gap_words(gap: Gap, tokens: Tokens) -> str:
    """Say what is missing, with both numbers."""
    what = "every operation" if gap.call is None else _call_words(gap, tokens)
    policy = POLICIES.get(gap.policy) if gap.policy else None
    by = "" if gap.policy is None else f" by {policy.name if policy else gap.policy}"
    numbers = ""
    if gap.asked is not None and gap.granted is not None:
        asked, granted = (_quantity(gap, number, tokens) for number in (gap.asked, gap.granted))
        numbers = f": {asked} asked, {granted} granted"
    of = f" ({gap.part})" if gap.unit == "second" else ""
    return f"{gap.code}{by} for {what}{of}{numbers}; {gap.remedy}"


def _demand(
    session: SessionDefinition,
    job: JobDefinition,
    kinds: Kinds,
    periods: tuple[Period, ...],
    most_headroom: int | None = None,
) -> Demand:
    declared = len(job.retry.delays_s) + 1 if session.headroom is None else session.headroom
    # Of a session in use some spare operations may be used: one must be left, if there were any.
    headroom = declared if most_headroom is None else min(declared, most_headroom)
    return demand_for(job, kinds[job.kind], periods, headroom)


def _periods(
    session: SessionDefinition, job: JobDefinition, ahead: Iterable[Slot], most: int | None
) -> tuple[Period, ...]:
    ends = job.schedule is not None and (job.schedule.count or job.schedule.end) is not None
    until = session.expires_at
    # What never ends is held against the session's own time, its last day left for what is late.
    due: Iterator[Slot] = iter(ahead)
    margin_s = job.retry.grace_s + SETTLE_MARGIN_S
    if not ends and until is not None:
        due = takewhile(lambda slot: slot.due_at + margin_s < until, due)
    return tuple(_period(job, slot.due_at) for slot in islice(due, most or MAX_PERIODS))


async def _remaining_firings(
    journal: Journal, session: SessionDefinition, job: JobDefinition, kind: AnyKind, now: Timestamp
) -> tuple[Period, ...]:
    firings = life_firings(session, job, kind)
    if firings is None:
        return _firings(session, job, kind, now, 1)
    # What succeeded under this session has used one of them up; what failed was one of the spare ones.
    since = session.made_at or 0
    used = [
        item
        for item in await journal.occurrences(job_id=job.id)
        if item.due_at >= since and item.inclusion is not None and item.inclusion.success
    ]
    return _firings(session, job, kind, now, max(0, firings - len(used)))


def _firings(
    session: SessionDefinition, job: JobDefinition, kind: AnyKind, since: Timestamp, count: int
) -> tuple[Period, ...]:
    """Return so many periods from `since` to the job's own end, or to the end of the session's own time."""
    end, until = kind.ends_at(job.spec), session.expires_at
    # What never ends is held against the session's own time, its last day left for what is late.
    latest = None if end is None else end + job.retry.grace_s
    if latest is None:
        latest = since if until is None else max(since, until - SETTLE_MARGIN_S - 1)
    return (Period(since, Timestamp(latest)),) * count


def _period(job: JobDefinition, due_at: Timestamp) -> Period:
    return Period(due_at, Timestamp(due_at + job.retry.grace_s))


def _coverage(
    session: SessionDefinition,
    jobs: Sequence[JobDefinition],
    demands: Sequence[Demand],
    gaps: tuple[Gap, ...],
    *,
    is_granted: bool,
) -> Coverage:
    first, *others = jobs
    return Coverage(
        first.id, session, tuple(job.id for job in others), is_granted, len(demands[0].periods), gaps
    )


def _call_words(gap: Gap, tokens: Tokens) -> str:
    if gap.call is None:
        return ""
    target = gap.call.target
    name = tokens[target].symbol if target in tokens else str(target)
    return f"{function_name(called_selector(gap.call.data))} of {name}"


def _quantity(gap: Gap, number: int, tokens: Tokens) -> str:
    if gap.unit == "token":
        return amount_text(number, Address.parse(gap.part), tokens)
    if gap.unit == "wei":
        return amount_text(number, None, tokens)
    if gap.unit == "second":
        return date_text(Timestamp(number))
    if gap.unit == "argument" and number >= 1 << 64:
        return f"{number:#x}"
    return f"{number} {gap.unit}" if gap.unit in ("gas", "uses") else str(number)
