"""What is signed is shown to nobody once a kill was acknowledged."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.adapters.memory import MemoryJournal
from agent.domain.errors import Held
from agent.domain.hold import AllScope
from agent.domain.kill import KillOrder
from agent.domain.units import Timestamp
from agent.domain.user_operation import UserOperation
from agent.pipeline import sign as signing
from agent.pipeline.context import Services
from agent.pipeline.gate import Gate
from agent.pipeline.prepare import Prepared
from agent.pipeline.validate import ValidationData
from agent.smart_sessions.addresses import SMART_SESSION
from tests.builders import ACCOUNT, CHAIN_ID, NOW, a_hash, a_user_operation


def prepared() -> Prepared:
    """Return as much of a prepared operation as signing looks at."""
    definition = SimpleNamespace(chain_id=CHAIN_ID, account=ACCOUNT, id="rent")
    session = SimpleNamespace(permission_id=a_hash(9), smart_session=SMART_SESSION)
    job = SimpleNamespace(definition=definition, session=session, chain=SimpleNamespace(agreed=None))
    priced = SimpleNamespace(draft=SimpleNamespace(cancels=False), sponsorship=None)
    block = SimpleNamespace(timestamp=NOW)
    return cast(Prepared, SimpleNamespace(job=job, priced=priced, block=block))


async def test_no_node_sees_the_signed_bytes_after_the_acknowledgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, left = Gate(), list[str]()

    async def signed(*_: object) -> tuple[UserOperation, object]:
        return a_user_operation(), a_hash(1)

    async def asked(*_: object) -> ValidationData:
        gate.stop(KillOrder(AllScope(), "1"))
        await asyncio.shield(asyncio.create_task(gate.drained(AllScope(), grace_s=0)))
        left.append("after the acknowledgement")
        return ValidationData(signature_failed=False, valid_after=Timestamp(0), valid_until=None)

    monkeypatch.setattr(signing, "signed_operation", signed)
    monkeypatch.setattr(signing, "ask_module", asked)
    services = Services(MemoryJournal(), cast(Any, None), gate)

    with pytest.raises(Held):
        await signing.sign(services, prepared())
    assert left == []
