"""Send journaled bytes: the intention first, then the one request, then its answer."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agent.domain.errors import Held
from agent.domain.hold import scopes_over
from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation
from agent.domain.send_answer import SendAnswer, UnknownAnswer
from agent.domain.states import Event
from agent.domain.units import Hash32, Timestamp
from agent.pipeline.change import change_of
from agent.pipeline.context import Services
from agent.pipeline.disposition import HoldIt, disposition
from agent.ports import Bundler
from agent.smart_sessions.signature_decoding import permission_in

STOPPED = "the kill switch stopped it before an answer came"

NO_FACTS: Mapping[str, str] = MappingProxyType({})


async def submit(
    services: Services,
    bundler: Bundler,
    occurrence: Occurrence,
    operation: JournaledOperation,
    facts: Mapping[str, str] = NO_FACTS,
) -> Occurrence:
    """Send once and journal what came back; an answer never moves the state to anything but SENT or HELD.

    `facts` go into the journal with what is sent.
    """
    async with services.sends:
        send = change_of(
            occurrence,
            Event.SEND,
            await services.clock.now(),
            permission_id=signed_under(operation),
            facts={"bundler": bundler.name, "user_op_hash": str(operation.user_op_hash), **facts},
        )
        sent = await services.journal.record(replace(send, cancels=operation.cancels))
        verdict = disposition(await sent_once(services, bundler, sent, operation))
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
            not_before=Timestamp(now + verdict.pause_s(sent.code)),
        )
    )


async def sent_once(
    services: Services, bundler: Bundler, occurrence: Occurrence, operation: JournaledOperation
) -> SendAnswer:
    """Send through the gate, and write nothing down: whoever calls this does."""
    permission = signed_under(operation)
    sessions = () if permission is None else (permission,)
    scopes = scopes_over(occurrence.chain_id, occurrence.account, occurrence.job_id, sessions)
    try:
        return await services.gate.through(scopes, lambda: bundler.send(operation), cancels=operation.cancels)
    except Held:
        # Stopped before or while it went out: only the chain knows, and the same bytes may go later.
        return UnknownAnswer(STOPPED)


def signed_under(operation: JournaledOperation) -> Hash32 | None:
    """Return whose hold forbids the send; None, where the bytes do not say, stands for any of the job."""
    try:
        return permission_in(operation.operation.signature)
    except ValueError:
        return None
