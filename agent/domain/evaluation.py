"""What a job kind reads from the chain, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.call import Call
from agent.domain.units import Address, ChainId, Timestamp


@dataclass(frozen=True, slots=True)
class Read:
    """One `eth_call` a kind wants answered; equal reads of all jobs are made once."""

    target: Address
    data: bytes
    name: str = ""
    """What the value is, for people and logs."""


@dataclass(frozen=True, slots=True)
class ChainView:
    """Answers to reads, all at one block; None is a revert or an empty answer."""

    chain_id: ChainId
    block_number: int
    timestamp: Timestamp
    values: Mapping[Read, bytes | None]

    def uint(self, read: Read) -> int | None:
        """Return the first word as a number; None when the read failed or is short."""
        value = self.values.get(read)
        return int.from_bytes(value[:32], "big") if value is not None and len(value) >= 32 else None


@dataclass(frozen=True, slots=True)
class Act:
    """Make these calls in one operation; `intent` is what a person reads in the books."""

    calls: tuple[Call, ...]
    intent: Mapping[str, str]


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
