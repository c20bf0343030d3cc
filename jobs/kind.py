"""What a job kind is: a pydantic spec and a few pure functions over it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from agent.domain.evaluation import ChainView, Delivered, Delivery, Evaluation, EventLog, Read
from agent.domain.occurrence import Occurrence
from agent.domain.possible_call import PossibleOperation
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address, Timestamp
from agent.domain.watching import NEVER, Firings, Glance, JobCap, LogFilter, Memory, Spend

__all__ = ("AnyKind", "EventLog", "JobKind", "Kind", "Spec", "SpecT", "Timing")


class Spec(BaseModel):
    """Base of every kind's own fields: unknown ones are refused, values never change.

    Defaults are written as in a file, such as `1h`, with `validate_default=True`.
    """

    # Built when it is first used: of many kinds a folder has few.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


SpecT = TypeVar("SpecT", bound=Spec)


class Timing(StrEnum):
    """What makes a job due."""

    SCHEDULE = "schedule"
    TRIGGER = "trigger"
    """The chain, by `watch` or `log_fires`."""
    EITHER = "either"
    """A schedule where the file has one, else the chain."""


class JobKind(Protocol[SpecT]):
    """A kind of job. Nothing here does I/O, reads a clock or keeps state.

    `Kind` has what most kinds leave as it is; derive from it.
    """

    @property
    def name(self) -> str:
        """What the files call it in `kind:`."""
        ...

    @property
    def spec_model(self) -> type[SpecT]: ...

    @property
    def timing(self) -> Timing: ...

    @property
    def repeat_safe(self) -> bool:
        """Whether chain state bounds the effect, so that a failure need not be final before a retry.

        A reorg may undo that failure: both operations may land then, and both count for the job's caps.
        """
        ...

    @property
    def recalls(self) -> bool:
        """Whether `evaluate` looks at `view.memory`, which the journal is asked for then."""
        ...

    def identity(self, spec: SpecT) -> Mapping[str, str]:
        """Return what may not change under one job id, such as the payee."""
        ...

    def objections(self, spec: SpecT, account: Address) -> Mapping[str, str]:
        """Return what is wrong between the spec and the account: field name to reason."""
        ...

    def reads(self, spec: SpecT, account: Address) -> tuple[Read, ...]:
        """Return the chain values that `evaluate` looks at."""
        ...

    def evaluate(self, spec: SpecT, view: ChainView, occurrence: Occurrence) -> Evaluation:
        """Say what to do about a due occurrence."""
        ...

    def confirm(self, spec: SpecT, account: Address, logs: Sequence[EventLog]) -> Delivery:
        """Say whether a successful operation's own logs show what it was for."""
        ...

    def requirements(self, spec: SpecT, account: Address, uses: int) -> tuple[ActionRequirement, ...]:
        """Return the least a session must allow for so many uses."""
        ...

    def possible_operations(self, spec: SpecT, account: Address, uses: int) -> tuple[PossibleOperation, ...]:
        """Return all that so many uses can lead to, whatever the chain says: a session is held against it.

        Each entry is one shape of operation: its calls in order, and what of each may vary.
        """
        ...

    def watch_reads(self, spec: SpecT, account: Address) -> tuple[Read, ...]:
        """Return the chain values that `watch` looks at; few and cheap, they are read at every block."""
        ...

    def watch(self, spec: SpecT, account: Address, view: ChainView, memory: Memory, past: Firings) -> Glance:
        """Say whether the job fires at this block; `memory` is what its last glance returned.

        A read that failed makes what depends on it unknown, never true.
        """
        ...

    def log_filters(self, spec: SpecT, account: Address) -> tuple[LogFilter, ...]:
        """Return the event logs that fire the job, one firing each."""
        ...

    def log_fires(self, spec: SpecT, account: Address, log: EventLog) -> bool:
        """Say whether a log that passed a filter fires the job: its fields decide."""
        ...

    def caps(self, spec: SpecT) -> tuple[JobCap, ...]:
        """Return the limits that the agent itself holds the job to."""
        ...

    def slot_spends(self, spec: SpecT) -> tuple[Spend, ...]:
        """Return what a slot's operation uses of the caps, for one of which the chain alone knows."""
        ...

    def expected_uses(self, spec: SpecT) -> int | None:
        """Return how many operations a session is asked for; None where only the owner can say."""
        ...

    def ends_at(self, spec: SpecT) -> Timestamp | None:
        """Return when a triggered job is over for good; None where it has no end of its own."""
        ...

    def outcome_reads(self, spec: SpecT, account: Address) -> tuple[Read, ...]:
        """Return the chain values that `outcome` looks at, read at the block that included the operation."""
        ...

    def outcome(self, spec: SpecT, account: Address, view: ChainView) -> Delivery:
        """Say whether the chain stands as the operation was to leave it; asked after `confirm` agreed."""
        ...


class Kind(Generic[SpecT]):
    """What a kind does unless it says otherwise: due by schedule, watches nothing, has no caps."""

    timing = Timing.SCHEDULE
    repeat_safe = False
    recalls = False

    def identity(self, spec: SpecT) -> Mapping[str, str]:
        return {}

    def objections(self, spec: SpecT, account: Address) -> Mapping[str, str]:
        return {}

    def watch_reads(self, spec: SpecT, account: Address) -> tuple[Read, ...]:
        return ()

    def watch(self, spec: SpecT, account: Address, view: ChainView, memory: Memory, past: Firings) -> Glance:
        return Glance(fires=False, again=NEVER, memory=memory, code="not_watched", why="nothing is watched")

    def log_filters(self, spec: SpecT, account: Address) -> tuple[LogFilter, ...]:
        return ()

    def log_fires(self, spec: SpecT, account: Address, log: EventLog) -> bool:
        return False

    def caps(self, spec: SpecT) -> tuple[JobCap, ...]:
        return ()

    def slot_spends(self, spec: SpecT) -> tuple[Spend, ...]:
        return ()

    def expected_uses(self, spec: SpecT) -> int | None:
        return None

    def ends_at(self, spec: SpecT) -> Timestamp | None:
        return None

    def outcome_reads(self, spec: SpecT, account: Address) -> tuple[Read, ...]:
        return ()

    def outcome(self, spec: SpecT, account: Address, view: ChainView) -> Delivery:
        return Delivered()


AnyKind = JobKind[Any]
