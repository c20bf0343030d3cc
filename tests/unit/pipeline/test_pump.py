"""The pump starts what is due, once, and never stands in the event loop's way."""

from agent.adapters.memory import MemoryJournal
from agent.domain.job import JobDefinition, Place
from agent.domain.journal import Enrolment, JobCursor
from agent.domain.occurrence import Occurrence
from agent.domain.recurrence import Interval
from agent.domain.schedule import CatchUp, Retry, Schedule, next_slot
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.pipeline.pump import DuePump
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, a_hash

HOUR_S = 3_600


def a_definition(
    job_id: str = "rent", *, catch_up: CatchUp = CatchUp.NONE, grace_s: int = 60, end: int | None = None
) -> JobDefinition:
    schedule = Schedule(Interval(NOW, HOUR_S), end=None if end is None else Timestamp(end))
    return JobDefinition(
        id=job_id,
        kind="subscription",
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        account_kind="nexus",
        session="session",
        schedule=schedule,
        spec=None,
        identity_digest=a_hash(1),
        digest=a_hash(2),
        place=Place("rent.yaml"),
        retry=Retry(grace_s=grace_s),
        catch_up=catch_up,
    )


class Started(list[Occurrence]):
    """What the pump handed over."""

    def slots(self) -> list[str]:
        return [row.slot.rpartition(".")[2] for row in self]


async def a_pump(
    *definitions: JobDefinition, batch: int = 500, unknown: str = ""
) -> tuple[DuePump, MemoryJournal, Started]:
    journal, started = MemoryJournal(), Started()
    enrolments = []
    for number, definition in enumerate(definitions):
        assert definition.schedule is not None
        slot = next_slot(definition.schedule, Timestamp(NOW - 1))
        assert slot is not None
        cursor = JobCursor(slot.key, slot.ordinal, slot.due_at)
        enrolments.append(
            Enrolment(definition.id, CHAIN_ID, ACCOUNT, ENTRY_POINT, number, "identity", "digest", cursor)
        )
    await journal.enroll(enrolments, NOW)
    known = {definition.id: definition for definition in definitions if definition.id != unknown}
    return DuePump(journal, known, started.append, batch), journal, started


def at(hours: int, seconds: int = 0) -> Timestamp:
    return Timestamp(NOW + hours * HOUR_S + seconds)


async def test_a_slot_starts_when_it_is_due_and_once() -> None:
    pump, _, started = await a_pump(a_definition())
    assert await pump.tick(at(0, -1)) == 0
    assert await pump.tick(at(0)) == 1
    assert await pump.tick(at(0)) == 0
    assert await pump.tick(at(1)) == 1
    assert started.slots() == ["0", "1"]


async def test_without_catch_up_slots_past_their_grace_are_skipped_as_missed() -> None:
    pump, journal, started = await a_pump(a_definition())
    assert await pump.tick(at(3, 61)) == 0
    skipped = await journal.occurrences()
    assert {(row.state, row.code) for row in skipped} == {(State.SKIPPED, "missed")}
    assert len(skipped) == 4
    assert await pump.tick(at(4)) == 1
    assert started.slots() == ["4"]


async def test_without_catch_up_the_newest_slot_runs_within_its_grace() -> None:
    pump, journal, started = await a_pump(a_definition())
    assert await pump.tick(at(2, 60)) == 1
    assert started.slots() == ["2"]
    assert len(await journal.occurrences(states=[State.SKIPPED])) == 2


async def test_missed_slots_beyond_a_thousand_are_told_in_one_row() -> None:
    pump, journal, started = await a_pump(a_definition())
    assert await pump.tick(at(1_500)) == 1
    *listed, summary = await journal.occurrences(states=[State.SKIPPED])
    assert {row.code for row in listed} == {"missed"}
    assert (len(listed), summary.code) == (1_000, "missed_many")
    first, last = f"{summary.slot.rpartition('.')[0]}.1000", f"{summary.slot.rpartition('.')[0]}.1499"
    assert summary.slot == first
    assert f"from {first} to {last}" in summary.reason
    assert started.slots() == ["1500"]


async def test_catching_up_with_the_latest_runs_the_newest_however_late() -> None:
    pump, journal, started = await a_pump(a_definition(catch_up=CatchUp.LATEST))
    assert await pump.tick(at(2, 3_599)) == 1
    assert started.slots() == ["2"]
    assert len(await journal.occurrences(states=[State.SKIPPED])) == 2


async def test_the_last_slot_of_a_schedule_leaves_no_cursor() -> None:
    pump, journal, started = await a_pump(a_definition(end=NOW + HOUR_S))
    await pump.tick(at(0))
    await pump.tick(at(1))
    assert await pump.tick(at(2)) == 0
    assert started.slots() == ["0", "1"]
    assert (await journal.job("rent")).enrolment.cursor is None


async def test_a_burst_of_many_batches_is_started_in_one_tick() -> None:
    pump, _, started = await a_pump(*(a_definition(f"job-{number}") for number in range(47)), batch=10)
    assert await pump.tick(at(0)) == 47
    assert len({row.job_id for row in started}) == 47


async def test_a_job_this_worker_does_not_know_waits_and_stops_nobody() -> None:
    pump, journal, started = await a_pump(
        a_definition("known"), a_definition("unknown"), batch=2, unknown="unknown"
    )
    assert await pump.tick(at(0)) == 1
    assert [row.job_id for row in started] == ["known"]
    assert (await journal.job("unknown")).enrolment.cursor is not None


async def test_a_paused_job_starts_nothing_and_catches_up_after_by_its_rule() -> None:
    pump, journal, started = await a_pump(a_definition())
    await journal.pause("rent", "holiday", NOW)
    assert await pump.tick(at(1)) == 0
    await journal.resume("rent", NOW)
    assert await pump.tick(at(2)) == 1
    assert started.slots() == ["2"]
