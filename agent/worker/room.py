"""What watched jobs have left of the caps over their whole life, by the journal."""

from collections.abc import Iterable

from agent.pipeline.caps import totals_left
from agent.ports import Journal
from agent.worker.watched_job import WatchedJob


async def learn_room(journal: Journal, jobs: Iterable[WatchedJob]) -> None:
    """Note what the jobs' ended firings have left; raises StoreUnavailable.

    Asks nothing for jobs that never fired.
    """
    fired = [job for job in jobs if job.caps and job.firings.count]
    if not fired:
        return
    spent = await journal.spent()
    for job in fired:
        job.left = totals_left(job.id, job.caps, spent)
