"""The open occurrences as the worker last saw them, in the order they were due."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from agent.domain.occurrence import Occurrence
from agent.domain.states import TERMINAL
from agent.domain.units import Address, ChainId

Key = TypeVar("Key")
Sender = tuple[ChainId, Address]


@dataclass(slots=True)
class Board:
    """A view of the journal, never the truth: a stale row is refused there and read again."""

    _by_id: dict[int, Occurrence] = field(default_factory=dict)
    _by_job: dict[str, dict[int, None]] = field(default_factory=dict)
    _by_sender: dict[Sender, dict[int, None]] = field(default_factory=dict)

    def put(self, occurrence: Occurrence) -> None:
        """Take the newest version of an occurrence; a finished one leaves the board."""
        known = self._by_id.get(occurrence.id)
        if known is not None and known.version > occurrence.version:
            return
        if is_closed(occurrence):
            self._remove(occurrence)
            return
        self._by_id[occurrence.id] = occurrence
        self._by_job.setdefault(occurrence.job_id, {})[occurrence.id] = None
        self._by_sender.setdefault((occurrence.chain_id, occurrence.account), {})[occurrence.id] = None

    def replace_all(self, occurrences: Iterable[Occurrence]) -> None:
        """Forget everything and take these."""
        self._by_id.clear()
        self._by_job.clear()
        self._by_sender.clear()
        for occurrence in occurrences:
            self.put(occurrence)

    def get(self, occurrence_id: int) -> Occurrence | None:
        """Return an open occurrence; None when it is not on the board."""
        return self._by_id.get(occurrence_id)

    def of_job(self, job_id: str) -> list[Occurrence]:
        """Return the job's open occurrences, the first one due first."""
        mine = [self._by_id[key] for key in self._by_job.get(job_id, ())]
        return sorted(mine, key=lambda occurrence: (occurrence.due_at, occurrence.ordinal, occurrence.id))

    def of_sender(self, sender: Sender) -> list[Occurrence]:
        """Return the account's open occurrences."""
        return [self._by_id[key] for key in self._by_sender.get(sender, ())]

    def jobs(self) -> tuple[str, ...]:
        """Return the jobs that have open occurrences."""
        return tuple(self._by_job)

    def counts(self) -> Counter[str]:
        """Count the open occurrences by state."""
        return Counter(str(occurrence.state) for occurrence in self)

    def __iter__(self) -> Iterator[Occurrence]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def _remove(self, occurrence: Occurrence) -> None:
        self._by_id.pop(occurrence.id, None)
        _drop(self._by_job, occurrence.job_id, occurrence.id)
        _drop(self._by_sender, (occurrence.chain_id, occurrence.account), occurrence.id)


def _drop(index: dict[Key, dict[int, None]], key: Key, occurrence_id: int) -> None:
    mine = index.get(key, {})
    mine.pop(occurrence_id, None)
    if not mine:
        index.pop(key, None)


def is_closed(occurrence: Occurrence) -> bool:
    """Say whether nobody has to do anything about it any more."""
    return occurrence.state in TERMINAL and (occurrence.settled or occurrence.user_op_hash is None)
