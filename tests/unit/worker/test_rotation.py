"""Every session has its turn within the time that is promised, however the blocks come."""

from hypothesis import given
from hypothesis import strategies as st

from agent.worker.rotation import ROTATION_S, Rotation


@given(st.integers(1, 400), st.lists(st.integers(0, 90), min_size=1, max_size=400))
def test_each_has_its_turn_within_the_round(sessions: int, steps: list[int]) -> None:
    rotation, now, last = Rotation(), 0, dict.fromkeys(range(sessions), 0)
    for step in steps:
        now += step
        rotation, turn = rotation.turn(sessions, step)
        assert len(set(turn)) == len(turn)
        last.update(dict.fromkeys(turn, now))
        # One step late at most: a turn can only come with a block.
        assert now - min(last.values()) <= ROTATION_S + max(steps)


def test_the_work_is_spread_evenly() -> None:
    rotation = Rotation()
    for _ in range(ROTATION_S // 2):
        rotation, turn = rotation.turn(10_000, 2)
        assert len(turn) in (66, 67)


def test_time_that_goes_back_brings_nobody_a_turn() -> None:
    assert Rotation(3, 5).turn(10, -7) == (Rotation(3, 5), ())


def test_after_a_long_silence_everyone_is_read() -> None:
    assert Rotation(3, 5).turn(4, ROTATION_S)[1] == (0, 1, 2, 3)
