"""The model within small bounds; `make model` explores the full ones."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.model.__main__ import RECORD
from tests.model.explore import Found
from tests.model.run import NEVER, Explored, explore, table, there, untaken
from tests.model.variant import Bounds, Variant
from tests.model.variants import BROKEN, MISTAKES, SAFE, SMALL


@pytest.fixture(scope="module")
def agent() -> tuple[Explored, ...]:
    """The agent under all faults, explored once for all tests."""
    return tuple(map(explore, SMALL))


def test_no_fault_makes_the_agent_pay_twice_or_lose_a_slot(agent: tuple[Explored, ...]) -> None:
    assert [_complaint(item.found) for item in agent] == [""] * len(agent)
    assert all(item.is_expected for item in agent)


def test_every_row_of_the_state_table_is_taken(agent: tuple[Explored, ...]) -> None:
    assert untaken(agent) == NEVER


@pytest.mark.parametrize("variant", [*BROKEN, *MISTAKES], ids=lambda variant: variant.name)
def test_a_broken_protocol_is_found_unsafe(variant: Variant) -> None:
    explored = explore(variant)

    assert explored.found.violation.startswith(variant.breaks)
    assert explored.found.trace


def test_the_shortest_way_to_paying_twice_is_told() -> None:
    (late_retry,) = (variant for variant in BROKEN if variant.name == "C")

    found = explore(late_retry).found

    assert found.trace[-3:] == [
        "a reorg undoes nonce 0:0",
        "an operation of occurrence 0 at nonce 0:0 is executed",
        "worker 0 writes send of occurrence 0, sends and it is executed",
    ]
    assert found.depth == len(found.trace)


def test_an_exploration_that_leaves_states_out_proves_nothing() -> None:
    one = SMALL[0]
    limited = Variant(one.name, one.says, Bounds(states=10), one.world)

    explored = explore(limited)

    assert explored.found.frontier
    assert not explored.is_expected


def test_a_bound_that_cuts_is_counted_by_name() -> None:
    bounds = Bounds(attempts=2, sequences=1)

    found = explore(Variant("narrow", "", bounds, SMALL[0].world)).found

    assert set(found.cut) == {"sequences"}


def test_the_record_is_of_these_bounds_and_the_documents_show_it() -> None:
    record = json.loads(RECORD.read_text())
    page = Path(__file__).parents[2] / "docs" / "exactly-once.md"

    recorded = {
        item["name"]: (item["bounds"], item["world"], item["whole"], item["violation"][:2])
        for item in record["variants"]
    }

    assert recorded == {
        variant.name: (asdict(variant.bounds), there(variant.world), True, variant.breaks[:2])
        for variant in (*SAFE, *BROKEN, *MISTAKES)
    }
    assert table(record["variants"]) in page.read_text()


def _complaint(found: Found) -> str:
    return found.violation or "".join(found.trace)
