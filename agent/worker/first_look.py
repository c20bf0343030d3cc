"""At the start: write down what the chain decided meanwhile, before anything else costs time."""

from collections.abc import Mapping, Sequence

import structlog

from agent.domain.errors import AgentError, Unavailable
from agent.domain.occurrence import Occurrence
from agent.domain.units import ChainId
from agent.pipeline.context import ChainContext, JobContext, Services
from agent.pipeline.follow import LogScan, follow
from agent.pipeline.recover import OPEN_STATES, flights
from agent.worker.finality import FinalityWatch
from agent.worker.heads import is_followed
from agent.worker.observer import Observer

log = structlog.get_logger()


async def first_look(
    services: Services,
    chains: Mapping[ChainId, ChainContext],
    jobs: Mapping[str, JobContext],
    observer: Observer,
) -> None:
    """Decide about what is in flight by the chain alone: nothing is sent, raised or signed.

    So it needs none of what is looked at before something is sent. What cannot be looked at now is left to
    the worker. Raises StoreUnavailable.
    """
    rows = await services.journal.occurrences(states=OPEN_STATES)
    for chain_id, chain in chains.items():
        mine = [row for row in rows if row.chain_id == chain_id and is_followed(row)]
        if mine:
            await _of_chain(services, chain, jobs, mine, observer)


async def _of_chain(
    services: Services,
    chain: ChainContext,
    jobs: Mapping[str, JobContext],
    rows: Sequence[Occurrence],
    observer: Observer,
) -> None:
    try:
        await FinalityWatch(services, chain).look()
        found = await flights(services, jobs, rows)
        results = await follow(services, chain, found, LogScan(), sends=False)
    except Unavailable as error:
        log.warning("first_look_failed", chain=chain.reader.chain_id, code=error.code, reason=str(error))
        return
    for result in results:
        before, outcome = result.before, result.outcome
        if isinstance(outcome, AgentError):
            log.warning("first_look_failed", occurrence=before.id, code=outcome.code, reason=str(outcome))
        elif isinstance(outcome, Exception):
            # One run keeps no worker from starting: its heads look at it again, and hold it.
            log.error("follow_broken", occurrence=before.id, job=before.job_id, exc_info=outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            observer.changed(jobs.get(outcome.job_id), before, outcome)
