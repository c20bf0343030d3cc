"""Read what jobs look at over a range of blocks, into a recorded file or into memory."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from agent.commands.recording import (
    Header,
    Point,
    RecordDiffers,
    changes_from,
    header_line,
    kept,
    member,
    point_line,
)
from agent.definitions.drafts import Draft
from agent.definitions.records import Definitions
from agent.domain.evaluation import Read
from agent.domain.job import JobDefinition
from agent.ports import Block, ChainReader

AT_ONCE = 8
"""So many blocks are asked for at a time: each takes a round trip to the node."""
MEMBER = 256
"""So many blocks make one gzip member: what is lost when the recording is cut off."""

Answered = tuple[Block, Sequence[bytes | None]]
Progress = Callable[[int, int], None]
"""Told how many blocks there are by now, and of how many."""


def jobs_of(drafts: Iterable[Draft]) -> tuple[JobDefinition, ...]:
    """Return the jobs of a file, each once, in the order of the file."""
    return tuple({job.id: job for draft in drafts for job in draft.jobs}.values())


def reads_of(definitions: Definitions, jobs: Iterable[JobDefinition]) -> tuple[Read, ...]:
    """Return the distinct reads that the jobs watch and decide by."""
    found: dict[Read, None] = {}
    for job in jobs:
        kind = definitions.kinds[job.kind]
        for read in (*kind.watch_reads(job.spec, job.account), *kind.reads(job.spec, job.account)):
            found.setdefault(read)
    return tuple(found)


async def points(chain: ChainReader, header: Header, numbers: Sequence[int]) -> AsyncIterator[Point]:
    """Yield the blocks of these numbers, each with what differs; raise ChainUnavailable."""
    known: dict[int, bytes | None] = {}
    async for block, values in _answered(chain, header.reads, numbers):
        changes = changes_from(known, values, first=block.number == header.first)
        known.update(changes)
        yield Point(block.number, block.timestamp, block.base_fee_per_gas, changes)


async def record(chain: ChainReader, header: Header, path: Path, progress: Progress) -> int:
    """Write the file, or go on with it; return how many blocks were read.

    What was read is in the file also when it is cancelled. Raise ChainUnavailable, RecordDamaged or
    RecordDiffers.
    """
    there = await asyncio.to_thread(_begun, path, header)
    known = dict(there[1])
    numbers = header.numbers[there[0] :]
    lines: list[bytes] = []
    count = 0
    try:
        async for block, values in _answered(chain, header.reads, numbers):
            changes = changes_from(known, values, first=block.number == header.first)
            known.update(changes)
            lines.append(point_line(Point(block.number, block.timestamp, block.base_fee_per_gas, changes)))
            count += 1
            if len(lines) >= MEMBER:
                _append(path, lines)
                lines = []
                progress(there[0] + count, len(header.numbers))
    finally:
        if lines:
            _append(path, lines)
    progress(there[0] + count, len(header.numbers))
    return count


async def _answered(
    chain: ChainReader, reads: Sequence[Read], numbers: Sequence[int]
) -> AsyncIterator[Answered]:
    batches = [chain.batch(reads) for _ in range(AT_ONCE)]

    async def one(place: int, number: int) -> Answered:
        block = await chain.block(number)
        return block, (await batches[place].at(block)).values if reads else ()

    for begin in range(0, len(numbers), AT_ONCE):
        some = numbers[begin : begin + AT_ONCE]
        for found in await asyncio.gather(*(one(place, number) for place, number in enumerate(some))):
            yield found


def _begun(path: Path, header: Header) -> tuple[int, dict[int, bytes | None]]:
    """Bring the file to its last whole block; return how many there are and what was answered last."""
    there = kept(path) if path.exists() else None
    if there is None:
        path.write_bytes(member([header_line(header)]))
        return 0, {}
    if there.header != header:
        raise RecordDiffers(f"{path} is of other jobs or blocks")
    os.truncate(path, there.size)
    count = 0 if there.newest is None else (there.newest - header.first) // header.every + 1
    return count, dict(there.answers)


def _append(path: Path, lines: list[bytes]) -> None:
    with path.open("ab") as file:
        file.write(member(lines))
        file.flush()
        os.fsync(file.fileno())
