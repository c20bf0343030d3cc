"""What a job may use of its own caps: the agent counts it, from plan to settlement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.budget import JOB, Consumption
from agent.domain.errors import Bug, Refused
from agent.domain.occurrence import Inclusion
from agent.domain.token import decimal_text
from agent.domain.units import Timestamp
from agent.domain.utc_day import day_of, next_day
from agent.domain.watching import JobCap, Spend

TOTAL = "total"
"""In place of a day: a cap over the whole life of the job."""


@dataclass(frozen=True, slots=True)
class JobCapKey:
    """Names one cap of one job on one UTC day, or over all of them; the text is the limit key."""

    job_id: str
    cap: str
    day: str = TOTAL

    def __str__(self) -> str:
        return f"{JOB}{self.job_id}/{self.cap}/{self.day}"

    @classmethod
    def parse(cls, text: str) -> "JobCapKey":
        """Read what `str` made of a key; raise ValueError on anything else."""
        if not text.startswith(JOB):
            raise ValueError(f"{text!r} is no cap of a job")
        job_id, cap, day = text.removeprefix(JOB).split("/")
        return cls(job_id, cap, day)


class JobCapReached(Refused):
    """A job's own cap has less room than its next operation uses."""

    code = "job_cap_reached"

    def __init__(self, cap: JobCap, asked: int, left: int, frees_at: Timestamp | None) -> None:
        numbers = f"{quantity(cap, asked)} asked, {quantity(cap, left)} left of {quantity(cap, cap.limit)}"
        super().__init__(f"{cap.name}: {numbers}")
        self.cap = cap
        self.asked = asked
        self.left = left
        self.frees_at = frees_at
        """When it has room again by itself; None where it never has."""
        if frees_at is None:
            self.remedy = f"this run is left undone; for more, raise {cap.name} in the job's file"
        else:
            self.remedy = "it waits until there is room again"


@dataclass(frozen=True, slots=True)
class CapUse:
    """One cap of one job as the journal has it, in base units."""

    key: JobCapKey
    cap: JobCap
    used: int
    reserved: int
    """By operations in flight."""

    @property
    def left(self) -> int:
        """What a new operation may use."""
        return max(0, self.cap.limit - self.used - self.reserved)


def cap_uses(
    job_id: str,
    caps: Sequence[JobCap],
    now: Timestamp,
    spent: Mapping[str, int],
    reserved: Mapping[str, int],
) -> tuple[CapUse, ...]:
    """Return how the caps of a job stand; `spent` and `reserved` are the journal's, by limit key."""
    keys = [JobCapKey(job_id, cap.name, day_of(now) if cap.per_day else TOTAL) for cap in caps]
    return tuple(
        CapUse(key, cap, spent.get(str(key), 0), reserved.get(str(key), 0))
        for key, cap in zip(keys, caps, strict=True)
    )


def capped(uses: Sequence[CapUse], spends: Sequence[Spend], now: Timestamp) -> tuple[Consumption, ...]:
    """Return what a plan takes of the caps, for the journal to compare and set.

    Raise JobCapReached for the first cap without room.
    """
    named = {use.cap.name: use for use in uses}
    wanted: dict[str, int] = {}
    for spend in spends:
        if spend.cap not in named or spend.amount < 0:
            raise Bug(f"a plan spends {spend.amount} of {spend.cap!r}, which is no cap of its job")
        wanted[spend.cap] = wanted.get(spend.cap, 0) + spend.amount
    for name, amount in wanted.items():
        use = named[name]
        if amount > use.left:
            raise JobCapReached(use.cap, amount, use.left, _frees_at(use, amount, now))
    return tuple(
        Consumption(str(named[name].key), amount, named[name].cap.limit, named[name].used)
        for name, amount in wanted.items()
    )


def used_of_cap(reserved: int, inclusion: Inclusion | None) -> int:
    """Return what an operation used: all that it planned where it succeeded, or where nobody saw it."""
    return reserved if inclusion is None or inclusion.success else 0


def quantity(cap: JobCap, amount: int) -> str:
    """Write an amount of a cap for a person."""
    return f"{decimal_text(amount, cap.decimals)} {cap.unit}".strip()


def _frees_at(use: CapUse, amount: int, now: Timestamp) -> Timestamp | None:
    if amount > use.cap.limit:
        return None
    if amount <= use.cap.limit - use.used:
        # What is in flight may come to nothing, and then there is room.
        return now
    return next_day(now) if use.cap.per_day else None
