"""How a job's own caps stand, by the journal."""

from collections.abc import Mapping, Sequence

from agent.domain.job import JobDefinition
from agent.domain.job_caps import CapUse, cap_uses
from agent.domain.units import Timestamp
from agent.domain.watching import JobCap
from agent.ports import Journal
from jobs.kind import AnyKind


async def caps_of(
    journal: Journal, kind: AnyKind, job: JobDefinition, now: Timestamp, besides: int | None = None
) -> tuple[CapUse, ...]:
    """Return each cap of a job, as its runs but occurrence `besides` used it; raises StoreUnavailable.

    Asks nothing for a kind that has none.
    """
    caps = kind.caps(job.spec)
    if not caps:
        return ()
    # Reserved before spent: what is settled in between counts twice rather than not at all.
    reserved = await journal.reserved(besides=besides)
    return cap_uses(job.id, caps, now, await journal.spent(), reserved)


def left_of(uses: tuple[CapUse, ...]) -> dict[str, int]:
    """Return what a new operation may use, by cap."""
    return {use.cap.name: use.left for use in uses}


def totals_left(job_id: str, caps: Sequence[JobCap], spent: Mapping[str, int]) -> dict[str, int]:
    """Return what a job's ended runs have left of the caps over its whole life, for who watches it.

    What is in flight may come to nothing, and does not count. `spent` is the journal's.
    """
    whole = [cap for cap in caps if not cap.per_day]
    # Of these the day makes no difference.
    return left_of(cap_uses(job_id, whole, Timestamp(0), spent, {}))
