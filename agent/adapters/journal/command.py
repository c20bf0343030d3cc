"""What a journal can be told; each command names what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.domain.journal import Armed, Change, Enrolment, JobRow
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.units import Timestamp

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
