"""Write the signed bytes down. The only way to a JournaledOperation, and the last step before the network."""

from agent.domain.occurrence import Occurrence
from agent.domain.operation import JournaledOperation, SignedOperation
from agent.domain.states import Event
from agent.pipeline.change import change_of
from agent.pipeline.context import Services


async def append(
    services: Services, occurrence: Occurrence, signed: SignedOperation
) -> tuple[Occurrence, JournaledOperation]:
    """Return after fsync; raises StoreUnavailable, and then nothing may be sent."""
    change = change_of(
        occurrence,
        Event.SIGN,
        await services.clock.now(),
        facts={"user_op_hash": str(signed.user_op_hash), "worst_case_wei": str(signed.priced.worst_case_wei)},
    )
    return await services.journal.append(signed, change)
