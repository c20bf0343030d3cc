"""Which blocks are read again for operations in flight."""

from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.pipeline.follow import Flight, LogScan
from tests.builders import a_journaled_operation, an_inclusion, an_occurrence

NO_JOB = None
"""The scan never looks at it."""


def a_flight(occurrence: Occurrence | None = None) -> Flight:
    return Flight(occurrence or an_occurrence(), (a_journaled_operation(),), NO_JOB)  # type: ignore[arg-type]


def test_a_new_flight_is_looked_for_from_the_block_it_was_planned_at() -> None:
    assert LogScan().first_block([a_flight()]) == 100


def test_an_unseen_flight_is_looked_for_after_the_last_final_block() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)

    assert scan.first_block([a_flight()]) == 501


def test_a_flight_that_was_seen_but_not_written_down_is_found_again() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)
    scan.unseen([], 600)

    assert scan.first_block([a_flight()]) == 100


def test_an_included_flight_is_checked_in_its_own_block() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)
    included = an_occurrence(State.INCLUDED_OK, inclusion=an_inclusion(block=110))

    assert scan.first_block([a_flight(included), a_flight()]) == 110
