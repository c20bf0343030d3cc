"""The reads that are made at every block, each once, and the jobs that follow them."""

from collections.abc import Iterable, Mapping, Sequence

from agent.domain.evaluation import Read
from agent.ports import Block, ChainReader, ReadBatch

MOST_IDLE = 2
"""Nothing is packed anew for reads that nobody wants any more until the batch is so many times too big."""


class ReadIndex:
    """Packs the distinct reads of all jobs that follow theirs; a changed answer names its jobs."""

    def __init__(self, reader: ChainReader) -> None:
        self._reader = reader
        self._jobs: dict[Read, set[str]] = {}
        self._following: set[str] = set()
        self._values: dict[Read, bytes | None] = {}
        self._batch: ReadBatch | None = None
        self._packed: frozenset[Read] = frozenset()
        self._lacks = False
        """Whether a read is wanted that the batch does not make."""

    @property
    def values(self) -> Mapping[Read, bytes | None]:
        """The newest answers; the same mapping at every block."""
        return self._values

    def __len__(self) -> int:
        return len(self._jobs)

    def follow(self, job_id: str, reads: Sequence[Read], known: Mapping[Read, bytes | None]) -> None:
        """Make a job's reads at every block from now on; `known` has the answers it has seen."""
        if job_id in self._following:
            return
        self._following.add(job_id)
        for read in reads:
            self._jobs.setdefault(read, set()).add(job_id)
            self._lacks |= read not in self._packed
            if read in known:
                self._values.setdefault(read, known[read])

    def leave(self, job_id: str, reads: Sequence[Read]) -> None:
        """Make a job's reads no more, but for those that others follow."""
        if job_id not in self._following:
            return
        self._following.discard(job_id)
        for read in reads:
            jobs = self._jobs[read]
            jobs.discard(job_id)
            if not jobs:
                del self._jobs[read]
                # Nobody would notice that it changes.
                self._values.pop(read, None)

    async def at(self, block: Block) -> set[str]:
        """Make all reads at the block; return the jobs that have a new answer. Raises ChainUnavailable."""
        batch = self._current()
        if batch is None:
            return set()
        answers = await batch.at(block)
        found: set[str] = set()
        for place in answers.changed:
            read, value = batch.reads[place], answers.values[place]
            jobs = self._jobs.get(read)
            if jobs is not None and (read not in self._values or self._values[read] != value):
                self._values[read] = value
                found |= jobs
        return found

    def follows(self, job_id: str) -> bool:
        """Say whether `at` answers all that a job reads."""
        return job_id in self._following

    async def others(self, reads: Iterable[Read], block: Block) -> dict[Read, bytes | None]:
        """Answer those of the reads that `at` did not answer; raises ChainUnavailable."""
        missing = tuple(dict.fromkeys(read for read in reads if read not in self._values))
        if not missing:
            return {}
        answers = await self._reader.batch(missing).at(block)
        return dict(zip(missing, answers.values, strict=True))

    def _current(self) -> ReadBatch | None:
        """Return the packed reads, packed anew when one is missing or most are idle."""
        if self._lacks or len(self._packed) > MOST_IDLE * len(self._jobs):
            self._packed, self._lacks = frozenset(self._jobs), False
            self._batch = self._reader.batch(tuple(self._jobs)) if self._jobs else None
        return self._batch
