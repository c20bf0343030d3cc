"""Make occurrences of what the chain triggered: each firing once, whoever asks how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.adapters.journal.claim import FIRST_VERSION, doubted
from agent.adapters.journal.command import Fire
from agent.adapters.journal.hash_chain import Note
from agent.adapters.journal.image import Image
from agent.domain.firing import Firing, why_stopped
from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.domain.watching import Again, Memory

FIRED = "fire"


@dataclass(slots=True)
class Known:
    """What the store has of the jobs that fire."""

    newest: dict[str, int] = field(default_factory=dict)
    """The number of each job's newest occurrence; left out where it has none."""
    slots: set[tuple[str, str]] = field(default_factory=set)
    """Of these jobs and firings, those that exist."""


def fire(image: Image, command: Fire, known: Known, first_id: int) -> tuple[Occurrence | None, ...]:
    """Return the occurrence of each firing; None for one that exists, is not the next, or may not be.

    The image holds the jobs and the holds. Nothing is written of a firing that is not taken.
    """
    taken: list[Occurrence | None] = []
    next_id = first_id
    for firing in command.firings:
        number = known.newest.get(firing.job_id, 0) + 1
        if not _may(image, firing, known, number):
            taken.append(None)
            continue
        row = _occurrence(image, firing, number, next_id, command.at)
        next_id += 1
        known.newest[firing.job_id] = number
        known.slots.add((firing.job_id, firing.slot))
        image.note(Note(command.at, FIRED, _data(firing, row), row.id, "", row.state.value))
        taken.append(row)
    return tuple(taken)


def memory_text(memory: Memory) -> str:
    """Write a memory; its numbers may be wider than JSON's."""
    return orjson.dumps(_strings(memory), option=orjson.OPT_SORT_KEYS).decode()


def memory_from(text: str) -> dict[str, int]:
    """Read what `memory_text` wrote."""
    return {name: int(value) for name, value in orjson.loads(text).items()}


def again_text(again: Again) -> str:
    """Write when a job looks again."""
    return orjson.dumps([again.on_change, again.at_block, again.at_time]).decode()


def again_from(text: str) -> Again:
    """Read what `again_text` wrote."""
    return Again(*orjson.loads(text))


def _may(image: Image, firing: Firing, known: Known, number: int) -> bool:
    job = image.jobs.get(firing.job_id)
    if job is None or why_stopped(job, image.held):
        return False
    return firing.number in (None, number) and (firing.job_id, firing.slot) not in known.slots


def _occurrence(image: Image, firing: Firing, number: int, occurrence_id: int, at: Timestamp) -> Occurrence:
    job = image.job(firing.job_id)
    enrolment = job.enrolment
    row = Occurrence(
        id=occurrence_id,
        job_id=firing.job_id,
        slot=firing.slot,
        ordinal=number,
        due_at=firing.due_at,
        state=State.DUE,
        attempt=0,
        version=FIRST_VERSION,
        chain_id=enrolment.chain_id,
        account=enrolment.account,
        created_at=at,
        updated_at=at,
    )
    return doubted(row, job)


def _data(firing: Firing, row: Occurrence) -> dict[str, Any]:
    seen = firing.seen
    return {
        "job": firing.job_id,
        "slot": firing.slot,
        "number": row.ordinal,
        "due_at": firing.due_at,
        "block": [seen.block_number, str(seen.block_hash)],
        "code": seen.code,
        "why": seen.why,
        "facts": dict(firing.facts),
        "memory": _strings(seen.memory),
    }


def _strings(memory: Mapping[str, int]) -> dict[str, str]:
    return {name: str(value) for name, value in memory.items()}
