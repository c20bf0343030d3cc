"""A person's word on a run covers its own sequence: what else the lane paid is read from the chain."""

from dataclasses import replace

import pytest

from agent.commands.runs_resolve import lane_after
from agent.domain.occurrence import Nonce
from agent.domain.states import State
from tests.builders import an_occurrence


@pytest.mark.parametrize(
    ("sequence", "known", "final", "after"),
    [
        (None, 0, 3, 0),
        (None, 2, 2, 2),
        (4, 4, 4, 4),
        (4, 4, 5, 5),
        (4, 4, 9, 5),
        (4, 7, 9, 7),
    ],
    ids=["nothing planned", "nothing used", "void", "its own used", "others used behind it", "an older run"],
)
def test_no_sequence_behind_its_own_is_passed_over(
    sequence: int | None, known: int, final: int, after: int
) -> None:
    nonce = None if sequence is None else Nonce(7, sequence)
    held = replace(an_occurrence(State.HELD), nonce=nonce)

    assert lane_after(held, known, final) == after
