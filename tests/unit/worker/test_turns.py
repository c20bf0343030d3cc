"""An account's jobs take turns at the few places that bundlers have for it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.occurrence import Occurrence
from agent.domain.states import State
from agent.domain.units import Address, Timestamp
from agent.erc4337.bundler_actions import SENDER_CAP
from agent.worker.board import Board
from agent.worker.turns import PLACE_S, Turns
from tests.builders import CHAIN_ID, NOW, an_occurrence


def a_run(number: int, state: State = State.DUE) -> Occurrence:
    return an_occurrence(state, occurrence_id=number, job_id=f"job-{number}")


def some_turns(*runs: Occurrence, cap: int = SENDER_CAP) -> tuple[Turns, Board]:
    board = Board()
    board.replace_all(runs)
    return Turns(board, {CHAIN_ID: cap}), board


def after(seconds: int) -> Timestamp:
    return Timestamp(NOW + seconds)


def moved(board: Board, run: Occurrence, state: State) -> Occurrence:
    then = replace(run, state=state, version=run.version + 1)
    board.put(then)
    return then


def test_no_more_than_the_cap_are_on_their_way_and_the_first_to_ask_is_next() -> None:
    runs = [a_run(number) for number in range(4)]
    turns, board = some_turns(*runs, cap=2)
    assert [turns.take(run, NOW) for run in runs] == [True, True, False, False]
    sent = moved(board, runs[0], State.SENT)
    turns.done(sent)

    moved(board, sent, State.INCLUDED_OK)

    assert [turns.take(run, NOW) for run in (runs[3], runs[2])] == [False, True]


def test_a_run_that_sent_nothing_gives_its_place_back() -> None:
    runs = [a_run(number) for number in range(2)]
    turns, _ = some_turns(*runs, cap=1)
    assert turns.take(runs[0], NOW)
    assert not turns.take(runs[1], NOW)

    turns.done(runs[0])

    assert turns.take(runs[1], NOW)


def test_a_stuck_operation_delays_the_other_jobs_for_a_while_alone() -> None:
    runs = [a_run(number) for number in range(2)]
    turns, board = some_turns(*runs, cap=1)
    assert turns.take(runs[0], NOW)
    turns.done(moved(board, runs[0], State.SENT))

    assert not turns.take(runs[1], after(PLACE_S))
    assert turns.take(runs[1], after(PLACE_S + 1))


def test_who_stops_asking_does_not_hold_the_others_up() -> None:
    runs = [a_run(number) for number in range(3)]
    turns, board = some_turns(*runs, cap=1)
    assert turns.take(runs[0], NOW)
    assert not turns.take(runs[1], NOW)
    turns.done(moved(board, runs[0], State.INCLUDED_OK))

    assert not turns.take(runs[2], after(PLACE_S))
    assert turns.take(runs[2], after(PLACE_S + 1))


def test_another_account_has_places_of_its_own() -> None:
    mine, other = a_run(1), replace(a_run(2), account=Address(bytes(20)))
    turns, _ = some_turns(mine, other, cap=1)

    assert turns.take(mine, NOW)
    assert turns.take(other, NOW)


def test_what_an_earlier_worker_sent_counts() -> None:
    turns, _ = some_turns(a_run(1, State.SENT), a_run(2), cap=1)

    assert not turns.take(a_run(2), NOW)


@given(
    cap=st.integers(1, 4),
    count=st.integers(1, 12),
    rounds=st.lists(st.lists(st.integers(0, 11), max_size=8), min_size=40, max_size=40),
)
def test_nobody_starves_and_the_cap_holds(cap: int, count: int, rounds: list[list[int]]) -> None:
    runs = {number: a_run(number) for number in range(count)}
    turns, board = some_turns(*runs.values(), cap=cap)
    done: list[int] = []
    for second, landing in enumerate(rounds):
        flying = [run for run in board if run.state is State.SENT]
        for run in flying:
            if run.id in landing or second % 3 == 0:
                moved(board, run, State.INCLUDED_OK)
        for number, run in runs.items():
            if number not in done and turns.take(run, after(second)):
                turns.done(moved(board, run, State.SENT))
                done.append(number)
        assert sum(run.state is State.SENT for run in board) <= cap

    assert done == sorted(done)
    assert set(done) == set(runs)
