"""The runs of jobs, as the journal keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.journal import JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import State
from agent.ports import Journal


@dataclass(frozen=True, slots=True)
class Run:
    """One occurrence with everything signed for it and everything that happened to it."""

    occurrence: Occurrence
    operations: tuple[JournaledOperation, ...]
    entries: tuple[JournalEntry, ...]


async def list_runs(
    journal: Journal, job_id: str | None, states: Sequence[State] | None, limit: int
) -> tuple[Occurrence, ...]:
    """Return the newest runs first."""
    return await journal.occurrences(states, job_id, limit, newest_first=True)


async def show_run(journal: Journal, occurrence_id: int) -> Run:
    """Return one run; raises NotFound."""
    occurrence = await journal.occurrence(occurrence_id)
    return Run(occurrence, await journal.operations(occurrence_id), await journal.entries(occurrence_id))
