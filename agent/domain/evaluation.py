"""What a job kind reads from the chain, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.domain.call import Call
from agent.domain.units import Address, ChainId, Hash32, Timestamp
from agent.domain.watching import Memory, Spend


@dataclass(frozen=True, slots=True)
class Read:
    """One `eth_call` a kind wants answered; equal reads of all jobs are made once.

    Reads of one target with the same data are equal, whatever their names.
    """

    target: Address
    data: bytes
    name: str = field(default="", compare=False)
    """What the value is, for people and logs."""


class EventLog(Protocol):
    """The part of a log that a kind looks at."""

    @property
    def address(self) -> Address: ...

    @property
    def topics(self) -> tuple[Hash32, ...]: ...

    @property
    def data(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ChainView:
    """Answers to reads, all at one block; None is a revert or an empty answer."""

    chain_id: ChainId
    block_number: int
    timestamp: Timestamp
    values: Mapping[Read, bytes | None]
    left: Mapping[str, int] = field(default_factory=dict)
    """What is left of the job's own caps by name, in base units, before a plan.

    While a job is watched: what its ended firings left of the caps over its whole life; empty before them.
    """
    intent: Mapping[str, str] = field(default_factory=dict)
    """What the plan of an included operation said, as its kind wrote it; for its outcome only."""
    logs: Sequence[EventLog] = ()
    """An included operation's own logs; for its outcome only."""
    memory: Memory = field(default_factory=dict)
    """What a watched job remembers, before a plan of a kind that recalls; empty where nothing was watched."""

    def uint(self, read: Read) -> int | None:
        """Return the first word as a number; None when the read failed or is short."""
        value = self.values.get(read)
        return int.from_bytes(value[:32], "big") if value is not None and len(value) >= 32 else None


@dataclass(frozen=True, slots=True)
class Act:
    """Make these calls in one operation; `intent` is what a person reads in the books."""

    calls: tuple[Call, ...]
    intent: Mapping[str, str]
    spends: tuple[Spend, ...] = ()
    """What it uses of the job's own caps."""
    priority_percent: int = 100
    """The priority fee to offer, of the usual one; the fee caps hold all the same."""
    useful_until: Timestamp | None = None
    """The last second of chain time at which the calls can succeed, such as a swap's deadline."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at a time; the occurrence keeps its slot."""

    until: Timestamp
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class NextBlock:
    """Look again at the next block."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave this occurrence undone for good; the job goes on with the next one."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Hold the whole job until a person looks at it."""

    code: str
    why: str


Evaluation = Act | Wait | NextBlock | Skip | Stop


@dataclass(frozen=True, slots=True)
class Delivered:
    """The logs show what the operation was for."""


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The operation succeeded, and yet its logs do not show what it was for."""

    code: str
    why: str


Delivery = Delivered | NotDelivered
