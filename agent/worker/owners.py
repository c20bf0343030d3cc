"""Before the first signature: learn how each session validator wants it."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from agent.pipeline.context import JobContext, SessionContext
from agent.pipeline.probe import Probes
from agent.ports import ChainReader

log = structlog.get_logger()


async def with_known_owners(jobs: Mapping[str, JobContext]) -> dict[str, JobContext]:
    """Return the jobs with owners that sign as their validators answered; raises ChainUnavailable.

    Where a validator takes nothing the owner stays as it is: SmartSession refuses before anything is sent.
    """
    probes = Probes()
    sessions: dict[str, SessionContext] = {}
    for job in jobs.values():
        for session in job.sessions:
            if session.name not in sessions:
                sessions[session.name] = await _known(probes, job.chain.reader, session)
    return {
        name: replace(
            job,
            session=sessions[job.session.name],
            lines=tuple(tuple(sessions[session.name] for session in line) for line in job.lines),
        )
        for name, job in jobs.items()
    }


async def _known(probes: Probes, reader: ChainReader, session: SessionContext) -> SessionContext:
    validator = session.session.session_validator
    owner = await probes.owner(reader, validator, session.owner)
    if owner is None:
        log.warning("session_validator_takes_no_signature", session=session.name, validator=str(validator))
        return session
    return replace(session, owner=owner)
