"""How the caps of jobs stand, by the journal."""

from agent.definitions.records import Definitions
from agent.domain.job_caps import CapUse, cap_uses
from agent.domain.units import Timestamp
from agent.ports import Journal


async def job_caps(definitions: Definitions, journal: Journal, now: Timestamp) -> tuple[CapUse, ...]:
    """Return every cap of every job in the files, in order; raise StoreUnavailable."""
    jobs = [job for _, job in sorted(definitions.jobs.items())]
    capped = [(job.id, caps) for job in jobs if (caps := definitions.kinds[job.kind].caps(job.spec))]
    if not capped:
        return ()
    # Once for all of them: there may be thousands.
    reserved, spent = await journal.reserved(), await journal.spent()
    return tuple(use for job_id, caps in capped for use in cap_uses(job_id, caps, now, spent, reserved))
