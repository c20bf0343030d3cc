"""Send journaled bytes: the intention first, then the one request, then its answer."""

from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.states import Event
from agent.domain.units import Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import Services
from agent.pipeline.disposition import HoldIt, disposition
from agent.ports import Bundler


async def submit(
    services: Services, bundler: Bundler, occurrence: Occurrence, operation: JournaledOperation
) -> Occurrence:
    """Send once and journal what came back; an answer never moves the state to anything but SENT or HELD."""
    sent = await services.journal.record(
        change_of(
            occurrence,
            Event.SEND,
            await services.clock.now(),
            facts={"bundler": bundler.name, "user_op_hash": str(operation.user_op_hash)},
        )
    )
    verdict = disposition(await bundler.send(operation))
    now = await services.clock.now()
    if isinstance(verdict, HoldIt):
        return await services.journal.record(
            change_of(sent, Event.HOLD, now, code=verdict.code, reason=verdict.reason)
        )
    return await services.journal.record(
        change_of(
            sent,
            Event.ANSWER,
            now,
            code=verdict.code,
            reason=verdict.reason,
            not_before=Timestamp(now + verdict.resend_after_s),
        )
    )
