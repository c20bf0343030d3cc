import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.hold import AllScope, ChainScope, JobScope, Scope
from agent.domain.kill import HAND_WRITTEN, KillOrder, kill_orders, kill_text
from agent.domain.units import ChainId
from tests.unit.domain.test_hold import SCOPES


def test_orders_are_read_back_from_the_file() -> None:
    orders = tuple(KillOrder(scope, f"id{number}", "looks wrong") for number, scope in enumerate(SCOPES))
    assert kill_orders(kill_text(orders)) == orders


def test_an_order_that_asks_for_cancels_is_read_back_too() -> None:
    order = KillOrder(JobScope("rent"), "7", "looks wrong", cancels=True)
    assert kill_text([order]).endswith("\njob:rent #7+cancel looks wrong\n")
    assert kill_orders(kill_text([order])) == (order,)
    assert (order.code, KillOrder(AllScope(), "8").code) == ("killed_cancelling", "killed")


@given(st.text())
def test_no_reason_breaks_the_file(reason: str) -> None:
    (order,) = kill_orders(kill_text([KillOrder(JobScope("rent"), "7", reason)]))
    assert (order.scope, order.id) == (JobScope("rent"), "7")
    assert order.reason == (" ".join(reason.split()) or HAND_WRITTEN)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# stop\n", "everything\n", "job\n", "jobs:rent", "\0", "job:rent,gym"]
)
def test_a_file_that_says_nothing_clear_stops_everything(text: str) -> None:
    assert [order.scope for order in kill_orders(text)] == [AllScope()]


@pytest.mark.parametrize(
    ("line", "scope", "reason"),
    [
        ("all", AllScope(), HAND_WRITTEN),
        ("job:rent", JobScope("rent"), HAND_WRITTEN),
        ("  chain:10   fees are mad ", ChainScope(ChainId(10)), "fees are mad"),
        ("chain:10 # fees", ChainScope(ChainId(10)), "# fees"),
        ("job:rent\tthe landlord moved", JobScope("rent"), "the landlord moved"),
    ],
)
def test_a_person_may_write_a_line(line: str, scope: Scope, reason: str) -> None:
    (order,) = kill_orders(line)
    assert (order.scope, order.reason) == (scope, reason)


def test_one_line_that_is_unclear_stops_everything_beside_the_others() -> None:
    assert {order.scope for order in kill_orders("job:rent\nlooks wrong\n")} == {JobScope("rent"), AllScope()}


def test_lines_written_by_hand_are_orders_of_their_own_in_each_version_of_the_file() -> None:
    text = "job:rent #\njob:gym #\n"
    ids = [order.id for order in (*kill_orders(text, "1"), *kill_orders(text, "2"))]
    assert len(set(ids)) == 4
    assert [order.id for order in kill_orders(text, "2")] == ids[2:]
