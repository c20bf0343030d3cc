"""Nothing is sent on an old head."""

import pytest

from agent.domain.units import Timestamp, Wei
from agent.pipeline.refusal import Defer
from agent.pipeline.stale import is_stale, require_fresh, require_reached
from agent.ports import Block
from tests.builders import NOW, a_hash


@pytest.mark.parametrize(
    ("age_s", "most_s", "stale"), [(60, 60, False), (61, 60, True), (10**9, None, False), (-5, 60, False)]
)
def test_a_head_is_stale_past_its_age(age_s: int, most_s: int | None, *, stale: bool) -> None:
    assert is_stale(Timestamp(NOW - age_s), NOW, most_s) is stale


def test_a_stale_head_puts_a_payment_off_and_says_how_old_it_is() -> None:
    head = Block(7, a_hash(), Timestamp(NOW - 90), Wei(1))

    with pytest.raises(Defer, match="block 7 is 90 s old, at most 60 s are allowed") as refused:
        require_fresh(head, NOW, 60)

    assert refused.value.code == "head_stale"


def test_a_node_behind_the_block_that_fired_a_run_decides_nothing_of_it() -> None:
    head = Block(7, a_hash(), NOW, Wei(1))
    require_reached(head, NOW)

    with pytest.raises(Defer, match="block 7 is 1 s older than the one that fired the run") as refused:
        require_reached(head, Timestamp(NOW + 1))

    assert refused.value.code == "node_behind"
