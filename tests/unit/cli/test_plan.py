from collections.abc import Iterable
from dataclasses import replace

import pytest

from agent.commands.plan import ChangeKind, JobChange, changes, likely_fees, next_fires
from agent.domain.job import FeeCaps, JobDefinition, Place
from agent.domain.journal import Enrolment, JobCursor, JobRow
from agent.domain.recurrence import Interval
from agent.domain.schedule import Schedule
from agent.domain.units import Timestamp, Wei
from agent.ports import Block
from tests.builders import ACCOUNT, CHAIN_ID, ENTRY_POINT, NOW, a_hash

HOUR_S = 3_600


def a_job(job_id: str = "rent", every_s: int = HOUR_S, digest: int = 1) -> JobDefinition:
    return JobDefinition(
        id=job_id,
        kind="subscription",
        chain_id=CHAIN_ID,
        account=ACCOUNT,
        account_kind="nexus",
        session="main",
        schedule=Schedule(Interval(Timestamp(NOW - 10 * every_s), every_s)),
        spec=None,
        identity_digest=a_hash(9),
        digest=a_hash(digest),
        place=Place("jobs/rent.yaml"),
    )


def a_row(job_id: str = "rent", *, due_at: int | None = NOW, paused: bool = False, digest: int = 1) -> JobRow:
    cursor = None if due_at is None else JobCursor("x", 0, Timestamp(due_at))
    enrolment = Enrolment(job_id, CHAIN_ID, ACCOUNT, ENTRY_POINT, 7, "identity", str(a_hash(digest)), cursor)
    return JobRow(enrolment, active=True, paused=paused, pause_reason="", next_sequence=0)


def due(jobs: Iterable[JobDefinition], rows: Iterable[JobRow] = (), count: int = 4) -> list[tuple[str, int]]:
    known = {row.enrolment.job_id: row for row in rows}
    found = zip(range(count), next_fires(jobs, known, NOW), strict=False)
    return [(job.id, slot.due_at - NOW) for _, (job, slot) in found]


def test_fires_of_all_jobs_come_in_the_order_they_are_due() -> None:
    jobs = [a_job("slow", 2 * HOUR_S), a_job("fast", HOUR_S)]

    assert due(jobs) == [("fast", HOUR_S), ("fast", 2 * HOUR_S), ("slow", 2 * HOUR_S), ("fast", 3 * HOUR_S)]


def test_known_job_goes_on_where_the_journal_left_it() -> None:
    assert due([a_job()], [a_row(due_at=NOW - 2 * HOUR_S)], 2) == [("rent", -2 * HOUR_S), ("rent", -HOUR_S)]


def test_paused_and_ended_jobs_do_not_fire() -> None:
    jobs = [a_job("paused"), a_job("ended"), replace(a_job("triggered"), schedule=None)]

    assert due(jobs, [a_row("paused", paused=True), a_row("ended", due_at=None)]) == []


def test_new_edited_and_removed_jobs_are_changes() -> None:
    jobs = {job.id: job for job in (a_job("new"), a_job("edited", digest=2), a_job("same"))}
    rows = {row.enrolment.job_id: row for row in (a_row("edited"), a_row("same"), a_row("gone"))}

    assert changes(jobs, rows) == (
        JobChange("edited", ChangeKind.CHANGED),
        JobChange("gone", ChangeKind.REMOVED),
        JobChange("new", ChangeKind.NEW),
    )


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        (FeeCaps(), (205, 5)),
        (FeeCaps(max_fee_per_gas_wei=Wei(150)), (150, 5)),
        (FeeCaps(max_priority_fee_per_gas_wei=Wei(2)), (202, 2)),
    ],
)
def test_likely_fees_stay_inside_the_caps(caps: FeeCaps, expected: tuple[int, int]) -> None:
    fees = likely_fees(Block(1, a_hash(), NOW, Wei(100)), Wei(5), caps)

    assert (fees.max_fee_per_gas, fees.max_priority_fee_per_gas) == expected
