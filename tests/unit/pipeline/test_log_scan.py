"""Which blocks are read again for operations in flight."""

from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Timestamp, Wei
from agent.pipeline.follow import Flight, LogScan, reorg_depth
from agent.ports import Block
from tests.builders import NOW, a_hash, a_journaled_operation, an_inclusion, an_occurrence

NO_JOB = None
"""The scan never looks at it."""


def a_flight(occurrence: Occurrence | None = None) -> Flight:
    return Flight(occurrence or an_occurrence(), (a_journaled_operation(),), NO_JOB)


def a_block(number: int) -> Block:
    return Block(number, a_hash(number), Timestamp(NOW), Wei(1))


def test_a_new_flight_is_looked_for_from_the_block_it_was_planned_at() -> None:
    assert LogScan().first_block([a_flight()], 0) == 100


def test_an_unseen_flight_is_looked_for_after_the_last_final_block() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)

    assert scan.first_block([a_flight()], 0) == 501


def test_a_flight_that_was_seen_but_not_written_down_is_found_again() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)
    scan.unseen([], 600)

    assert scan.first_block([a_flight()], 0) == 100


def test_an_included_flight_is_checked_in_its_own_block() -> None:
    scan = LogScan()
    scan.unseen([a_flight()], 500)
    included = an_occurrence(State.INCLUDED_OK, inclusion=an_inclusion(block=110))

    assert scan.first_block([a_flight(included), a_flight()], 0) == 110


def test_a_reorg_may_have_put_it_below_the_block_it_was_planned_at() -> None:
    depth = reorg_depth(a_block(90), a_block(94))

    assert LogScan().first_block([a_flight()], depth) == 92
