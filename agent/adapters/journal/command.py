"""What a journal can be told; each command names what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.domain.firing import Firing, Seen
from agent.domain.hold import Epoch, Hold, Scope
from agent.domain.journal import Armed, Change, Enrolment, JobRow
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.units import ChainId, Timestamp

Arm = Callable[[JobRow], Armed]
T_co = TypeVar("T_co", covariant=True)


class Command(Generic[T_co]):
    """A command that is answered with a T."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Record(Command[Occurrence]):
    """A change that signs nothing."""

    change: Change


@dataclass(frozen=True, slots=True)
class Append(Command[tuple[Occurrence, JournaledOperation]]):
    """A change with signed bytes."""

    signed: SignedOperation
    change: Change


@dataclass(frozen=True, slots=True)
class Claim(Command[tuple[Occurrence, ...]]):
    """What the pump asks for."""

    now: Timestamp
    limit: int
    arm: Arm


@dataclass(frozen=True, slots=True)
class Fire(Command[tuple[Occurrence | None, ...]]):
    """What the watchers of the chains ask for."""

    firings: tuple[Firing, ...]
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Remember(Command[None]):
    """What watched jobs saw, without firing."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Enroll(Command[tuple[JobRow, ...]]):
    """The jobs that are active from now on."""

    jobs: tuple[Enrolment, ...]
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Pause(Command[JobRow]):
    """A person's or a rule's word that a job does nothing until it is resumed."""

    job_id: str
    reason: str
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Resume(Command[JobRow]):
    """The end of a pause."""

    job_id: str
    at: Timestamp


@dataclass(frozen=True, slots=True)
class Doubt(Command[JobRow]):
    """The lane did what the journal cannot assign: what was due until then may be paid."""

    job_id: str
    until: Timestamp
    reason: str
    at: Timestamp


@dataclass(frozen=True, slots=True)
class PutHold(Command[Hold]):
    """A finding or a person's word that a scope sends nothing."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class ReleaseHold(Command[Hold]):
    """The end of a hold."""

    scope: Scope
    code: str
    reason: str
    at: Timestamp
    accepted: bool


@dataclass(frozen=True, slots=True)
class Watch(Command[None]):
    """How far a chain was swept, and the sessions' epochs that the sweep found."""

    chain_id: ChainId
    swept_to: int
    epochs: tuple[Epoch, ...]
    at: Timestamp
