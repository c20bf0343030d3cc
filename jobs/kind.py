"""What a job kind is: a pydantic spec and a few pure functions over it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from agent.domain.evaluation import ChainView, Delivery, Evaluation, Read
from agent.domain.occurrence import Occurrence
from agent.domain.requirement import ActionRequirement
from agent.domain.units import Address, Hash32


class Spec(BaseModel):
    """Base of every kind's own fields: unknown ones are refused, values never change.

    Defaults are written as in a file, such as `1h`, with `validate_default=True`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EventLog(Protocol):
    """The part of a log that a kind looks at."""

    @property
    def address(self) -> Address: ...

    @property
    def topics(self) -> tuple[Hash32, ...]: ...

    @property
    def data(self) -> bytes: ...


SpecT = TypeVar("SpecT", bound=Spec)


class JobKind(Protocol[SpecT]):
    """A kind of job. Nothing here does I/O, reads a clock or keeps state."""

    @property
    def name(self) -> str:
        """What the files call it in `kind:`."""
        ...

    @property
    def spec_model(self) -> type[SpecT]: ...

    @property
    def scheduled(self) -> bool:
        """Whether a schedule makes it due; else the chain does."""
        ...

    @property
    def repeat_safe(self) -> bool:
        """Whether chain state bounds the effect, so that a failure need not be final before a retry."""
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

    def requirements(self, spec: SpecT, uses: int) -> tuple[ActionRequirement, ...]:
        """Return the least a session must allow for so many uses."""
        ...


AnyKind = JobKind[Any]
