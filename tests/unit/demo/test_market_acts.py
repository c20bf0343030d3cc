"""The demo says so when the chain shows other trades than it promised."""

from dataclasses import replace

import pytest

from agent.demo.commands import DemoFailed
from agent.demo.market_acts import Trades, promised
from agent.demo.witness import Repayment, Sale

ORDER = Sale("0x01", 10**18, 2_142_000_000, 10)
STOP = Sale("0x03", 10**18, 1_683_000_000, 30)
LOAN = Repayment("0x02", 2_225_000_000, 1_023 * 10**15, 1_201 * 10**15, 20)


def test_what_was_promised_passes() -> None:
    assert promised([ORDER, STOP], [LOAN]) == Trades(ORDER, STOP, LOAN)


@pytest.mark.parametrize(
    ("sales", "repayments"),
    [
        pytest.param([ORDER], [LOAN], id="the stop did not sell"),
        pytest.param([ORDER, STOP, STOP], [LOAN], id="a sale too many"),
        pytest.param([replace(ORDER, sold=10**17), STOP], [LOAN], id="another amount"),
        pytest.param([ORDER, STOP], [], id="nothing paid back"),
        pytest.param([ORDER, STOP], [LOAN, LOAN], id="paid back twice"),
        pytest.param([replace(ORDER, bought=2_099_999_999), STOP], [LOAN], id="below the limit"),
        pytest.param([ORDER, replace(STOP, bought=1_414_000_000)], [LOAN], id="at the manipulated price"),
        pytest.param([ORDER, replace(STOP, block=15)], [LOAN], id="before the fall"),
        pytest.param([ORDER, STOP], [replace(LOAN, health_after=1_199 * 10**15)], id="short of the target"),
    ],
)
def test_anything_else_fails(sales: list[Sale], repayments: list[Repayment]) -> None:
    with pytest.raises(DemoFailed):
        promised(sales, repayments)
