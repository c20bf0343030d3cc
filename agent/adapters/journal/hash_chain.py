"""The hash chain over everything the journal was told: each row vouches for the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from agent.domain.errors import StoreDamaged
from agent.domain.journal import JournalEntry
from agent.domain.units import Timestamp

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Tail:
    """The last row of the chain."""

    sequence: int = 0
    digest: str = GENESIS


@dataclass(frozen=True, slots=True)
class Note:
    """What a row says, before it has its place in the chain."""

    at: Timestamp
    event: str
    data: dict[str, Any]
    occurrence_id: int | None = None
    from_state: str = ""
    to_state: str = ""


def chained(tail: Tail, note: Note) -> JournalEntry:
    """Return the entry that follows `tail`."""
    sequence = tail.sequence + 1
    data = orjson.dumps(note.data, option=orjson.OPT_SORT_KEYS).decode()
    row = (sequence, note.at, note.occurrence_id, note.event, note.from_state, note.to_state, data)
    return JournalEntry(*row, tail.digest, _digest(tail.digest, row))


def check_chain(entries: Iterable[JournalEntry]) -> None:
    """Walk the chain from its first row; raise StoreDamaged naming the first broken one."""
    tail = Tail()
    for entry in entries:
        row = (
            entry.sequence,
            entry.at,
            entry.occurrence_id,
            entry.event,
            entry.from_state,
            entry.to_state,
            entry.data,
        )
        follows = entry.sequence == tail.sequence + 1 and entry.previous_digest == tail.digest
        if not follows or entry.digest != _digest(tail.digest, row):
            raise StoreDamaged(f"the journal is damaged: entry {tail.sequence + 1} breaks the hash chain")
        tail = Tail(entry.sequence, entry.digest)


def _digest(previous: str, row: tuple[object, ...]) -> str:
    return sha256(previous.encode() + orjson.dumps(row)).hexdigest()
