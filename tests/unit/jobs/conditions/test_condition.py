from dataclasses import dataclass, field
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import ChainView, Read
from agent.domain.watching import NEVER, NO_MEMORY, ON_CHANGE, Again, Memory
from jobs.conditions.condition import AllOf, AnyOf, Condition, NotOf
from jobs.conditions.source import Claim
from jobs.conditions.trigger import glance
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN, Judged, Verdict, either
from tests.unit.jobs.conditions.views import POOL, a_view

VERDICTS = st.sampled_from(list(Verdict))


@dataclass(frozen=True)
class Says:
    """Says one thing of every block."""

    verdict: Verdict
    again: Again = ON_CHANGE
    confirming: bool = False
    memory: Memory = field(default_factory=dict)
    independent: bool = True

    def reads(self) -> tuple[Read, ...]:
        return (Read(POOL, b"\1\2\3\4"),)

    def claims(self) -> tuple[Claim, ...]:
        return ()

    def judge(self, view: ChainView, memory: Memory) -> Judged:
        name = self.verdict.name.lower()
        return Judged(
            self.verdict, name, f"it is {name}", self.again, self.memory, confirming=self.confirming
        )


def judged(condition: Condition) -> Verdict:
    return condition.judge(a_view(), NO_MEMORY).verdict


def as_number(verdict: Verdict) -> float:
    return {FALSE: 0.0, UNKNOWN: 0.5, TRUE: 1.0}[verdict]


@given(parts=st.lists(VERDICTS, min_size=1, max_size=5))
def test_all_is_the_least_and_any_the_most_of_its_parts(parts: list[Verdict]) -> None:
    says = tuple(Says(part) for part in parts)
    assert as_number(judged(AllOf(says))) == min(map(as_number, parts))
    assert as_number(judged(AnyOf(says))) == max(map(as_number, parts))


@given(parts=st.lists(VERDICTS, min_size=1, max_size=5))
def test_not_turns_all_into_any(parts: list[Verdict]) -> None:
    denied = AllOf(tuple(NotOf(Says(part)) for part in parts))
    assert judged(NotOf(AnyOf(tuple(Says(part) for part in parts)))) is judged(denied)


@given(parts=st.lists(VERDICTS, min_size=1, max_size=4))
def test_an_answer_that_comes_to_be_known_never_turns_round_what_was_known_without_it(
    parts: list[Verdict],
) -> None:
    for make in (AllOf, AnyOf):
        before = judged(make(tuple(Says(part) for part in parts)))
        options = [[TRUE, FALSE] if part is UNKNOWN else [part] for part in parts]
        after = {judged(make(tuple(Says(part) for part in chosen))) for chosen in product(*options)}
        assert before is UNKNOWN or after == {before}


def test_unknown_never_fires() -> None:
    assert not glance(Says(UNKNOWN), a_view(), NO_MEMORY).fires
    assert not glance(NotOf(Says(UNKNOWN)), a_view(), NO_MEMORY, edge=False).fires


def test_what_protects_something_alarms_when_nobody_can_tell() -> None:
    alarms = [
        glance(Says(verdict), a_view(), NO_MEMORY, guards=True).alarm for verdict in (TRUE, FALSE, UNKNOWN)
    ]
    assert alarms == [False, False, True]


def test_an_edge_fires_once_and_anew_only_after_it_was_false() -> None:
    memory: Memory = NO_MEMORY
    fired = []
    for verdict in (FALSE, TRUE, TRUE, UNKNOWN, TRUE, FALSE, UNKNOWN, TRUE):
        seen = glance(Says(verdict), a_view(), memory)
        memory = seen.memory
        fired.append(seen.fires)
    assert fired == [False, True, False, False, False, False, False, True]


def test_a_level_fires_whenever_it_is_true() -> None:
    memory = glance(Says(TRUE), a_view(), NO_MEMORY, edge=False).memory
    assert glance(Says(TRUE), a_view(), memory, edge=False).fires


def test_a_firing_that_is_put_aside_with_its_memory_fires_again() -> None:
    assert glance(Says(TRUE), a_view(), NO_MEMORY).fires
    assert glance(Says(TRUE), a_view(), NO_MEMORY).fires


@pytest.mark.parametrize("asleep", [Again(at_time=a_view().timestamp), Again(at_block=7), NEVER])
def test_beside_a_time_that_has_not_come_nothing_is_polled(asleep: Again) -> None:
    both = AllOf((Says(TRUE), Says(FALSE, asleep)))
    assert both.judge(a_view(), NO_MEMORY).again == asleep


def test_what_counts_blocks_is_looked_at_all_the_same() -> None:
    counting = Says(FALSE, Again(on_change=True, at_block=9), confirming=True)
    both = AllOf((counting, Says(FALSE, Again(at_block=99))))
    assert both.judge(a_view(), NO_MEMORY).again == Again(on_change=True, at_block=9)


def test_any_looks_again_when_the_first_part_does() -> None:
    parts = (Says(FALSE, Again(at_block=9)), Says(FALSE, Again(at_block=5)), Says(FALSE, NEVER))
    assert AnyOf(parts).judge(a_view(), NO_MEMORY).again == Again(at_block=5)


def test_all_remembers_what_each_part_does() -> None:
    parts = (Says(FALSE, memory={"a": 1}), Says(TRUE, memory={"b": 2}))
    assert AllOf(parts).judge(a_view(), NO_MEMORY).memory == {"a": 1, "b": 2}


def test_the_reason_is_that_of_what_decides() -> None:
    found = AllOf((Says(TRUE), Says(UNKNOWN), Says(FALSE))).judge(a_view(), NO_MEMORY)
    assert (found.code, found.why) == ("false", "it is false")
    found = AnyOf((Says(TRUE), Says(UNKNOWN), Says(TRUE))).judge(a_view(), NO_MEMORY)
    assert (found.code, found.why) == ("true", "it is true; it is true")


def test_equal_reads_of_a_tree_are_made_once() -> None:
    assert len(AllOf((Says(TRUE), NotOf(Says(FALSE)), AnyOf((Says(TRUE),)))).reads()) == 1


def test_a_tree_is_independent_where_all_of_it_is() -> None:
    assert not AllOf((Says(TRUE), NotOf(Says(TRUE, independent=False)))).independent


def test_either_again_is_the_first_of_each() -> None:
    one, other = Again(at_block=5), Again(on_change=True, at_block=3, at_time=a_view().timestamp)
    assert either(one, other) == other
