"""What a watched job sees at a block, what it remembers of it, and when it looks again."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from agent.domain.states import State
from agent.domain.units import Address, Hash32, Timestamp

Memory = Mapping[str, int]
"""What a watched job keeps between blocks, such as whether it is armed; stored, so names never change."""

NO_MEMORY: Memory = MappingProxyType({})
NO_FACTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Again:
    """When to look again: at the first block that meets any of these; with none of them, never.

    Reads are made at every block only while `on_change` holds; a job that waits for a block or a time
    costs nothing until then.
    """

    on_change: bool = False
    """At a block where one of its reads answers differently than before."""
    at_block: int | None = None
    at_time: Timestamp | None = None
    """By the block's own timestamp."""

    @property
    def never(self) -> bool:
        """Whether nothing will make it look again."""
        return not self.on_change and self.at_block is None and self.at_time is None


ON_CHANGE = Again(on_change=True)
NEVER = Again()


class Glance(NamedTuple):
    """What a watched job makes of one block; a tuple, which is made fast: a block takes thousands."""

    fires: bool
    """Whether its condition asks for an occurrence now."""
    again: Again
    memory: Memory
    """What it remembers from here on; equal to what it was given where nothing is new."""
    code: str
    """Stable code of what is seen, such as `above_trigger`, `price_stale`."""
    why: str
    """The same for a person, with the numbers."""
    alarm: bool = False
    """Whether a person should hear of it: what protects a loan cannot see it."""
    facts: Mapping[str, str] = NO_FACTS
    """For the record of a firing: the values that decided."""


@dataclass(frozen=True, slots=True)
class Firings:
    """How a job's earlier firings went, as the journal has it."""

    count: int = 0
    """The newest firing's number; they count from 1."""
    open: int = 0
    """Those that have not ended. While there is one, a glance that fires is put aside, memory and all."""
    succeeded: int = 0
    """Those that ended as paid for good, or were seen to succeed and wait for finality."""
    last_ended_at: Timestamp | None = None
    last_state: State | None = None
    """How the newest of the ended ones ended."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Event logs a job wants to hear of: topics by position, None matches any (`eth_getLogs`)."""

    address: Address
    topics: tuple[tuple[Hash32, ...] | None, ...]
    confirmations: int = 0
    """How many blocks must stand on the log's block before it counts."""


@dataclass(frozen=True, slots=True)
class JobCap:
    """A limit that the agent itself holds a job to, counted in the journal from plan to settlement."""

    name: str
    """Unique in the job, such as `sold_per_day`; never changes, it is part of the limit's key."""
    limit: int
    per_day: bool
    """Whether it counts anew with each UTC day; else it counts over the whole life of the job."""
    unit: str = ""
    """For people: the token's symbol."""
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Spend:
    """What one operation uses of a cap."""

    cap: str
    amount: int
