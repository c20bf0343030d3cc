"""What the kind believes of an operation that was included, by its own logs."""

from dataclasses import replace

import pytest

from agent.domain.evaluation import Act, Delivered, NotDelivered
from agent.domain.token import Token
from agent.domain.units import Address, Hash32
from jobs import erc20
from jobs.loan_repay import LOAN_REPAY
from jobs.loans.aave_v3 import SUPPLY_EVENT
from jobs.loans.position import Means
from tests.builders import ACCOUNT, an_occurrence
from tests.unit.jobs.loans.aave_answers import (
    DATA,
    POOL,
    USDC,
    WETH,
    Chain,
    a_spec,
    a_view,
    answers,
    words,
)
from tests.unit.jobs.test_subscription import Log

LOW = Chain()


def repay_log(amount: int, *, user: Address = ACCOUNT, emitter: Address = POOL) -> Log:
    assert USDC.address is not None
    topic = bytes.fromhex("a534c8dbe71f871f9f3530e97a74601fea17b426cae02e1c5aee42c96c784051")
    topics = (topic, *map(erc20.word, (USDC.address, user, ACCOUNT)))
    return Log(emitter, tuple(Hash32(item) for item in topics), words(amount, 0))


def moved(amount: int, *, source: Address = ACCOUNT, token: Token = USDC) -> Log:
    assert token.address is not None
    topics = (erc20.TRANSFER_EVENT, erc20.word(source), erc20.word(DATA))
    return Log(token.address, tuple(Hash32(item) for item in topics), words(amount))


def test_the_event_of_the_pool_and_the_transfer_confirm_the_payment() -> None:
    spec = a_spec(most=1_000)
    assert LOAN_REPAY.confirm(spec, ACCOUNT, [moved(1_000), repay_log(1_000)]) == Delivered()
    lent = a_spec(using=Means.ATOKENS, most=1_000)
    assert LOAN_REPAY.confirm(lent, ACCOUNT, [repay_log(1_000)]) == Delivered()


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [moved(5)],
        [moved(5), repay_log(0)],
        [moved(2_000), repay_log(1_001)],
        [moved(10), repay_log(5), repay_log(5)],
        [moved(5), repay_log(5, user=POOL)],
        [moved(5), repay_log(5, emitter=ACCOUNT)],
        [repay_log(5)],
        [moved(2), repay_log(5)],
        [moved(5, source=POOL), repay_log(5)],
        [moved(5, token=WETH), repay_log(5)],
    ],
)
def test_anything_else_confirms_nothing(logs: list[Log]) -> None:
    assert isinstance(LOAN_REPAY.confirm(a_spec(most=1_000), ACCOUNT, logs), NotDelivered)


PAID = {"before": str(15_000 * 10**6), "amount": str(2_000 * 10**6)}
ALL = {"before": str(15_000 * 10**6), "amount": str(15_015 * 10**6)}


@pytest.mark.parametrize(
    ("intent", "paid", "owed", "delivered"),
    [
        (PAID, 2_000 * 10**6, 13_000 * 10**6, True),
        pytest.param(PAID, 2_000 * 10**6, 40_000 * 10**6, True, id="the owner borrowed more"),
        (PAID, 2_000 * 10**6 - 2, 13_000 * 10**6, True),
        (PAID, 2_000 * 10**6 - 3, 13_000 * 10**6, False),
        pytest.param(PAID, 0, 0, False, id="nothing was paid, and the debt is gone"),
        pytest.param(PAID, 500 * 10**6, 2, True, id="the owner paid most of it"),
        pytest.param(PAID, 500 * 10**6, 3, False, id="less was taken than is owed"),
        (ALL, 15_001 * 10**6, 0, True),
        (ALL, 15_000 * 10**6 - 3, 20 * 10**6, False),
    ],
)
def test_as_much_was_paid_as_was_planned(
    intent: dict[str, str], paid: int, owed: int, *, delivered: bool
) -> None:
    logs = [moved(paid), repay_log(paid)] if paid else []
    view = replace(a_view(answers(LOW.with_(owed=owed)), intent=intent), logs=logs)
    confirmed = LOAN_REPAY.confirm(a_spec(), ACCOUNT, logs)
    outcome = LOAN_REPAY.outcome(a_spec(), ACCOUNT, view)
    assert (confirmed == outcome == Delivered()) is delivered


@pytest.mark.parametrize(("paid", "delivered"), [(2_000 * 10**6, True), (2_000 * 10**6 - 3, False)])
def test_as_much_collateral_was_added_as_was_planned(paid: int, *, delivered: bool) -> None:
    spec = a_spec(using=Means.COLLATERAL, token=WETH)
    assert WETH.address is not None
    topics = (SUPPLY_EVENT, erc20.word(WETH.address), erc20.word(ACCOUNT), bytes(32))
    logs = [Log(POOL, tuple(Hash32(item) for item in topics), words(ACCOUNT, paid)), moved(paid, token=WETH)]
    # The owner took some of it out in the meantime.
    view = replace(a_view(answers(LOW.with_(lent=0), WETH), intent=PAID), logs=logs)
    assert LOAN_REPAY.confirm(spec, ACCOUNT, logs) == Delivered()
    assert isinstance(LOAN_REPAY.outcome(spec, ACCOUNT, view), Delivered) is delivered


def test_a_price_that_fell_meanwhile_is_no_wrong_outcome() -> None:
    view = a_view(answers(LOW.with_(owed=13_000 * 10**6, health=5 * 10**17)), intent=PAID)
    logs = [moved(2_000 * 10**6), repay_log(2_000 * 10**6)]
    assert LOAN_REPAY.outcome(a_spec(), ACCOUNT, replace(view, logs=logs)) == Delivered()


def test_the_act_says_what_its_outcome_is_held_against() -> None:
    decided = LOAN_REPAY.evaluate(a_spec(), a_view(answers(LOW)), an_occurrence())
    assert isinstance(decided, Act)
    assert decided.intent["before"] == str(LOW.owed)
    reads = LOAN_REPAY.outcome_reads(a_spec(), ACCOUNT)
    assert not set(reads) & set(a_spec().market.health_reads(ACCOUNT))
