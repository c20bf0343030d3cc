from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.local_time import wall
from agent.domain.units import Timestamp
from agent.domain.watching import NO_MEMORY, Again, Memory
from jobs.conditions.condition import Condition
from jobs.conditions.moments import BlockAt, BlockEvery, TimeOfDay, TimeWithin
from jobs.conditions.trigger import glance
from jobs.conditions.verdict import FALSE, TRUE
from tests.unit.jobs.conditions.views import NOW, a_view


def at(text: str) -> Timestamp:
    return Timestamp(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


def test_from_a_block_on_it_is_true_for_good() -> None:
    before, after = (BlockAt(100).judge(a_view(block=block), NO_MEMORY) for block in (99, 100))
    assert (before.verdict, before.again) == (FALSE, Again(at_block=100))
    assert (after.verdict, after.again.never) == (TRUE, True)


def walked(condition: Condition, blocks: list[int]) -> list[int]:
    """Look only at blocks that the last look asked for, or later ones."""
    memory: Memory = NO_MEMORY
    wanted, fired = 0, []
    for block in blocks:
        if block < wanted:
            continue
        seen = glance(condition, a_view(block=block), memory)
        memory = seen.memory
        assert seen.again.at_block is not None
        wanted = seen.again.at_block
        fired += [block] if seen.fires else []
    return fired


def test_every_so_many_blocks_it_fires_at_the_multiples() -> None:
    assert walked(BlockEvery(10), list(range(95, 131))) == [100, 110, 120, 130]
    assert walked(BlockEvery(2), list(range(7))) == [0, 2, 4, 6]


def test_a_multiple_that_was_missed_fires_at_the_next_block_that_is_seen() -> None:
    assert walked(BlockEvery(10), [95, 99, 103, 104, 109, 111, 112, 140, 141]) == [103, 111, 140]


def test_a_job_that_is_new_waits_for_the_next_multiple() -> None:
    assert walked(BlockEvery(10), [101, 105, 110]) == [110]


def test_every_block_is_no_turn() -> None:
    with pytest.raises(ValueError, match="no block between"):
        BlockEvery(1)


def test_between_two_moments_by_the_blocks_own_time() -> None:
    within = TimeWithin(Timestamp(NOW + 10), Timestamp(NOW + 20))
    found = [within.judge(a_view(at=NOW + later), NO_MEMORY) for later in (9, 10, 19, 20)]
    assert [one.verdict for one in found] == [FALSE, TRUE, TRUE, FALSE]
    assert [one.again.at_time for one in found] == [NOW + 10, NOW + 20, NOW + 20, None]


def hours(now: str, zone: str = "UTC", begins: int = 9 * 60, ends: int = 17 * 60) -> tuple[bool, str]:
    found = TimeOfDay(begins, ends, zone).judge(a_view(at=at(now)), NO_MEMORY)
    assert found.again.at_time is not None
    return found.verdict is TRUE, f"{datetime.fromtimestamp(found.again.at_time, UTC):%Y-%m-%dT%H:%M}"


def test_between_two_times_of_each_day() -> None:
    assert hours("2026-03-01T08:59:59") == (False, "2026-03-01T09:00")
    assert hours("2026-03-01T09:00") == (True, "2026-03-01T17:00")
    assert hours("2026-03-01T17:00") == (False, "2026-03-02T09:00")


def test_past_midnight_where_it_ends_earlier_than_it_begins() -> None:
    assert hours("2026-03-01T05:00", begins=1320, ends=360) == (True, "2026-03-01T06:00")
    assert hours("2026-03-01T12:00", begins=1320, ends=360) == (False, "2026-03-01T22:00")
    assert hours("2026-03-01T23:00", begins=1320, ends=360) == (True, "2026-03-02T06:00")


def test_a_wall_clock_elsewhere_moves_with_its_summer_time() -> None:
    # On that day clocks in Berlin go from 02:00 to 03:00.
    assert hours("2026-03-28T12:00", "Europe/Berlin")[1] == "2026-03-28T16:00"
    assert hours("2026-03-29T12:00", "Europe/Berlin")[1] == "2026-03-29T15:00"


@given(
    now=st.integers(at("2026-01-01T00:00"), at("2027-01-01T00:00")),
    begins=st.integers(0, 1439),
    ends=st.integers(0, 1439),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_the_time_it_asks_for_is_when_it_turns(now: int, begins: int, ends: int, zone: str) -> None:
    condition = TimeOfDay(begins, ends, zone)
    found = condition.judge(a_view(at=now), NO_MEMORY)
    turns_at = found.again.at_time
    assert turns_at is not None
    assert turns_at > now
    assert condition.judge(a_view(at=turns_at - 1), NO_MEMORY).verdict is found.verdict
    # Around a change of the clocks the wall shows some minutes twice or never.
    if begins != ends and not _clock_changes(now, zone):
        minute = wall(Timestamp(now), zone)
        shown = minute.hour * 60 + minute.minute
        inside = begins <= shown < ends if begins < ends else not ends <= shown < begins
        assert (found.verdict is TRUE) is inside


def _clock_changes(now: int, zone: str) -> bool:
    offsets = {
        wall(Timestamp(now + shift), zone) - datetime.fromtimestamp(now + shift, UTC).replace(tzinfo=None)
        for shift in (-2 * 86_400, 0, 2 * 86_400)
    }
    return len(offsets) > 1
