"""A loan followed along paths of prices, each firing carried out at once: what may and may not happen."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import Act
from agent.domain.states import State
from agent.domain.units import Timestamp
from agent.domain.watching import Firings, Memory
from jobs.loan_repay import LOAN_REPAY, PER_DAY
from jobs.loan_repay_spec import LoanRepaySpec
from jobs.loans.position import Means, whole
from tests.builders import ACCOUNT, NOW, an_occurrence
from tests.unit.jobs.loans.aave_answers import DOLLAR, Chain, a_spec, a_view, answers

THRESHOLD_BPS = 8_250
ETHERS = 10
USDC = 10**6
BLOCK_S = 120
"""Longer than the cool-down: it has its own tests."""


@dataclass
class Loan:
    """Ten ether against USDC, as exact as the contracts count it."""

    owed: int = 15_000 * USDC
    held: int = 15_000 * USDC
    paid: list[int] = field(default_factory=list)
    memory: Memory = field(default_factory=dict)
    past: Firings = field(default_factory=Firings)
    now: int = NOW

    def chain(self, price: int) -> Chain:
        collateral, debt = ETHERS * price * DOLLAR, self.owed * 100
        health = collateral * THRESHOLD_BPS // 10_000 * 10**18 // debt if debt else 2**256 - 1
        return Chain(
            collateral=collateral,
            debt=debt,
            threshold_bps=THRESHOLD_BPS,
            health=health,
            owed=self.owed,
            held=self.held,
        )

    def health(self, price: int) -> Fraction:
        return Fraction(self.chain(price).health, 10**18)

    def block(self, price: int, spec: LoanRepaySpec, left: int) -> int:
        """Let the job see one block; carry out what it fires and return what it paid."""
        self.now += BLOCK_S
        view = replace(
            a_view(answers(self.chain(price))), timestamp=Timestamp(self.now), left={PER_DAY: left}
        )
        glance = LOAN_REPAY.watch(spec, ACCOUNT, view, self.memory, self.past)
        self.memory = glance.memory
        if not glance.fires:
            return 0
        decided = LOAN_REPAY.evaluate(spec, view, an_occurrence())
        acts = isinstance(decided, Act)
        state = State.FINAL_OK if acts else State.SKIPPED
        self.past = Firings(self.past.count + 1, 0, 0, Timestamp(self.now), state)
        if not isinstance(decided, Act):
            return 0
        amount = int(decided.intent["amount"])
        taken = min(amount, self.owed)
        self.owed, self.held = self.owed - taken, self.held - taken
        self.paid.append(amount)
        return amount


PRICES = st.lists(st.integers(400, 2_400), min_size=1, max_size=30)


@given(
    prices=PRICES,
    most=st.integers(100, 20_000),
    held=st.integers(0, 20_000),
    per_day=st.integers(100, 20_000),
)
def test_no_path_of_prices_breaks_a_promise(prices: list[int], most: int, held: int, per_day: int) -> None:
    spec = a_spec(most=most * USDC, per_day=per_day * USDC)
    loan = Loan(held=held * USDC)
    for price in prices:
        before, spent = loan.health(price), sum(loan.paid)
        owed, in_hand = loan.owed, loan.held
        amount = loan.block(price, spec, per_day * USDC - spent)
        if not amount:
            continue
        assert before <= spec.trigger
        assert amount <= min(most * USDC, per_day * USDC - spent, in_hand, whole(owed))
        assert loan.health(price) > before
        limited = amount in (most * USDC, per_day * USDC - spent, in_hand, whole(owed))
        assert limited or spec.target <= loan.health(price) <= spec.target * Fraction(1002, 1000)


@given(prices=PRICES)
def test_with_funds_and_caps_enough_no_block_ends_below_the_trigger(prices: list[int]) -> None:
    spec, loan = a_spec(), Loan()
    for price in prices:
        loan.block(price, spec, 10**18)
        assert loan.health(price) > spec.trigger


@pytest.mark.parametrize("far", [1, 40])
def test_a_price_that_flaps_around_the_trigger_is_answered_once(far: int) -> None:
    spec, loan = a_spec(), Loan()
    # The trigger of 1.1 is at 2,000 dollars.
    for number in range(50):
        loan.block(2_000 + (far if number % 2 else -far), spec, 10**18)
    assert len(loan.paid) == 1


def test_a_price_that_falls_on_is_answered_at_each_trigger() -> None:
    spec, loan = a_spec(), Loan()
    falling = range(2_000, 1_000, -10)
    healths = [loan.health(price) for price in falling if loan.block(price, spec, 10**18)]
    # From 1.2012 back to 1.1 takes a fall of a twelfth each time.
    assert len(loan.paid) == 8
    assert all(Fraction(12, 10) <= health <= Fraction(1202, 1000) for health in healths)
    assert spec.using is Means.WALLET
