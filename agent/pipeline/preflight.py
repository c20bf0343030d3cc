"""Ask the exact model of the session, fed with the chain's counters and our reservations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.domain.budget import Blocked, Consumption, Violation
from agent.domain.errors import Held
from agent.domain.hold import Hold, SessionScope
from agent.domain.kill import lets_cancels_pass
from agent.domain.user_operation import UserOperation
from agent.pipeline.context import JobContext, Services, SessionContext
from agent.pipeline.refusal import PreflightError
from agent.ports import Block, CallFailed, ChainReader
from agent.smart_sessions.digest import Mode
from agent.smart_sessions.enabling import (
    ENABLING_READS,
    enabling_use,
    fresh_counters,
    mode_for,
    readiness,
    readiness_reads,
)
from agent.smart_sessions.grant import Counters, Grant, counters, reads

BEING_ENABLED = Violation(
    "session_being_enabled", "another operation enables it just now: this one waits until that is included"
)


@dataclass(frozen=True, slots=True)
class Look:
    """A session as the chain and the journal have it at one block."""

    session: SessionContext
    grant: Grant
    counters: Counters
    reserved: Mapping[str, int]
    """What operations in flight may still use, by limit key."""
    mode: Mode = Mode.USE
    """How the next operation under it is signed."""
    obstacle: Violation | None = None
    """Why its first operation cannot enable it now, or why it is held."""

    @property
    def name(self) -> str:
        """The session's name."""
        return self.session.name

    @property
    def usable(self) -> bool:
        """Whether an operation may be signed under it at all."""
        return self.counters.enabled and self.obstacle is None


async def look(
    services: Services, job: JobContext, block: Block, besides: int | None = None
) -> tuple[Look, ...]:
    """Look at every session of the job, all at one block and in one batch of reads.

    What occurrence `besides` has reserved does not count: it is the one that is decided again.
    Raises ChainUnavailable, StoreUnavailable.
    """
    grants = [grant_of(job.under(session)) for session in job.sessions]
    calls = [
        reads(grant) if session.enable is None else readiness_reads(grant)
        for session, grant in zip(job.sessions, grants, strict=True)
    ]
    answers = await job.chain.reader.calls([read for wanted in calls for read in wanted], block.number)
    reserved = await services.journal.reserved({job.definition.chain_id: block.number}, besides)
    held = {hold.scope: hold for hold in await services.journal.holds() if _objects(hold, besides)}
    looks, start = [], 0
    for session, grant, wanted in zip(job.sessions, grants, calls, strict=True):
        said = _readable(answers[start : start + len(wanted)])
        seen = _look(session, grant, said, reserved)
        hold = held.get(SessionScope(grant.chain_id, grant.account, grant.permission_id))
        # The journal refuses it anyway; said here, another session of the job may pay.
        looks.append(seen if hold is None else replace(seen, obstacle=_held(hold)))
        start += len(wanted)
    return tuple(looks)


def _objects(hold: Hold, besides: int | None) -> bool:
    # Of what was sent already a cancel may pass; that nothing else does, the gate and the journal see to.
    return besides is None or not lets_cancels_pass(hold.code)


def cleared(seen: Look, operation: UserOperation, block: Block) -> tuple[Consumption, ...]:
    """Return what the operation may use of each limit; raises PreflightError with every violation."""
    if seen.obstacle is not None:
        raise PreflightError((seen.obstacle,))
    verdict = seen.session.checker.decide(seen.counters, seen.reserved, operation, block.timestamp)
    if isinstance(verdict, Blocked):
        raise PreflightError(verdict.violations)
    return verdict.consumption if seen.mode is Mode.USE else (*verdict.consumption, enabling_use(seen.grant))


def _held(hold: Hold) -> Violation:
    why = f"{hold.code}: {hold.reason}; when it is cleared: sessionkeeper sessions release"
    return Violation(Held.code, why)


def _look(
    session: SessionContext, grant: Grant, said: list[bytes | None], reserved: Mapping[str, int]
) -> Look:
    if session.enable is None:
        return Look(session, grant, counters(grant, said), reserved)
    mode = mode_for(session.enable, readiness(grant, said))
    if isinstance(mode, Violation):
        return Look(session, grant, Counters(enabled=False), reserved, obstacle=mode)
    if mode is Mode.USE:
        return Look(session, grant, counters(grant, said[ENABLING_READS:]), reserved)
    taken = reserved.get(enabling_use(grant).limit_key, 0)
    return Look(session, grant, fresh_counters(grant), reserved, mode, BEING_ENABLED if taken else None)


async def read_counters(chain: ChainReader, grant: Grant, block: Block) -> Counters:
    """Return what the chain says of a grant at one block."""
    return counters(grant, _readable(await chain.calls(reads(grant), block.number)))


def grant_of(job: JobContext) -> Grant:
    """Return the job's session as it lives on its account."""
    return job.session.checker.grant


def _readable(answers: tuple[bytes | CallFailed, ...]) -> list[bytes | None]:
    return [None if isinstance(item, CallFailed) else item for item in answers]
