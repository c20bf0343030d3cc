"""After a lost journal, what its lane paid counts for the job's own caps, whatever run it was for."""

from types import SimpleNamespace
from typing import cast

from agent.adapters.memory import MemoryJournal
from agent.domain.job_caps import JobCapKey
from agent.domain.journal import Enrolment, JobCursor
from agent.domain.lane_history import LANE_AHEAD
from agent.domain.occurrence import Occurrence
from agent.domain.schedule import latest_slot
from agent.domain.states import Event, State
from agent.pipeline.pump import DuePump
from agent.pipeline.rebuild import rebuilt
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT
from tests.contract.journals import tell
from tests.unit.pipeline.lane_chain import (
    LANE,
    Node,
    a_context,
    a_definition,
    a_journal,
    at,
    payment,
    services_of,
)
from tests.unit.pipeline.test_rebuild import Capped

IN_ALL = str(JobCapKey("rent", "paid_in_all"))


async def begun_anew() -> tuple[MemoryJournal, Occurrence]:
    """Return a journal that begins on the third day, when its job has lived two, and the run of that day."""
    definition, journal, now = a_definition(), MemoryJournal(), at(2, 60)
    assert definition.schedule is not None
    slot = latest_slot(definition.schedule, now)
    assert slot is not None
    cursor = JobCursor(slot.key, slot.ordinal, slot.due_at)
    await journal.enroll(
        [Enrolment("rent", CHAIN_ID, ACCOUNT, ENTRY_POINT, LANE, "identity", "digest", cursor)], now
    )
    due: list[Occurrence] = []
    await DuePump(journal, {"rent": definition}, due.append).tick(now)
    return journal, await tell(journal, due[0], Event.CLAIM)


async def test_payments_for_slots_that_have_no_run_count_for_a_cap_over_the_whole_life() -> None:
    journal, run = await begun_anew()
    job = a_context(a_definition(), Node([payment(0, at(0, 60)), payment(1, at(1, 60))]))
    cast("SimpleNamespace", job).kind = Capped()

    after = await rebuilt(services_of(journal), job, run)

    assert (after.state, after.code) == (State.DUE, "lane_rebuilt")
    assert (await journal.spent())[IN_ALL] == 2
    await journal.verify()


async def test_a_payment_that_a_person_has_to_assign_counts_once_whatever_the_person_says() -> None:
    journal, (_, second) = await a_journal(2)
    job = a_context(a_definition(), Node([payment(0, at(1, 60))]))
    cast("SimpleNamespace", job).kind = Capped()
    held = await rebuilt(services_of(journal), job, second)
    assert (held.state, held.code) == (State.HELD, LANE_AHEAD)
    assert (await journal.spent())[IN_ALL] == 1

    await tell(journal, held, Event.RESOLVE_PAID)

    assert (await journal.spent())[IN_ALL] == 1
    await journal.verify()
