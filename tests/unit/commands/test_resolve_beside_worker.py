"""A person decides on a held run while the worker finishes the job's next one."""

from typing import cast

from agent.adapters.memory import MemoryJournal
from agent.commands.runs_resolve import resolve_run
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.states import Event, State
from agent.pipeline.sequence import next_nonce
from agent.ports import ChainReader
from tests.builders import NOW, a_hash
from tests.contract.journals import included, sent, tell
from tests.unit.pipeline.lane_chain import (
    LANE,
    Landed,
    Node,
    a_context,
    a_definition,
    a_journal,
    at,
    services_of,
)


async def decided_meanwhile() -> tuple[MemoryJournal, Node]:
    """Resolve the first run; the second ends after the command has read the lane and before it writes."""
    journal, (first, second) = await a_journal(2)
    held = await tell(journal, first, Event.HOLD, code=LANE_AHEAD)
    seen = await included(journal, await sent(journal, second))

    async def worker_finalizes() -> None:
        if (await journal.occurrence(seen.id)).state is State.INCLUDED_OK:
            await tell(journal, seen, Event.FINALIZE)

    node = Node([Landed(0, at(1, 60), a_hash())], meanwhile=worker_finalizes)
    chain = cast("ChainReader", node)
    await resolve_run(journal, chain, held.id, NOW, paid=False, reason="I looked: it was not paid")
    return journal, node


async def test_a_decision_moves_no_lane_back() -> None:
    journal, _ = await decided_meanwhile()

    assert (await journal.job("rent")).next_sequence == 1
    await journal.verify()


async def test_the_job_goes_on_after_it() -> None:
    journal, node = await decided_meanwhile()
    job = a_context(a_definition(), node)

    nonce = await next_nonce(job, services_of(journal), await node.block("latest"))

    assert (nonce.key, nonce.sequence) == (LANE, 1)
