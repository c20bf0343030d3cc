"""Each rung is a tenth higher in both fees, rounded up, and none is above a cap."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.job import FeeCaps, GiveUp
from agent.domain.journal_step import CANCEL_ASKED
from agent.domain.operation import Fees, JournaledOperation
from agent.domain.units import Gas, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc4337.bundler_actions import Part, Rebuild
from agent.erc4337.bundler_errors import meaning_of
from agent.erc4337.gas import worst_case_cost_wei
from agent.pipeline.ladder import (
    FAIR_PRICE_PATIENCE,
    MOST_REBUILDS,
    MOST_REPLANS,
    WANTS_GAS,
    Terms,
    Wish,
    ceiling,
    has_gas_enough,
    has_plans_enough,
    highest_of,
    is_short,
    more_gas,
    next_rung,
    wish,
)
from tests.builders import NOW, a_journaled_operation, a_user_operation
from tests.unit.erc4337.error_corpus import corpus

GWEI = 10**9
FEE = st.integers(0, 2**100)
DEADLINE = Timestamp(NOW + 3_600)
TERMS = Terms(FeeCaps(), DEADLINE)
SENT = (a_journaled_operation(),)


def some_fees() -> st.SearchStrategy[Fees]:
    return st.tuples(FEE, FEE).map(lambda pair: Fees(Wei(max(pair)), Wei(min(pair))))


def at(seconds: int) -> Timestamp:
    return Timestamp(NOW + seconds)


@given(offered=some_fees(), wanted=some_fees(), highest=some_fees())
def test_each_rung_is_a_tenth_higher_and_none_is_above_the_cap(
    offered: Fees, wanted: Fees, highest: Fees
) -> None:
    rung = next_rung(offered, wanted, highest)

    if rung is None:
        fits = 11 * offered.max_fee_per_gas <= 10 * highest.max_fee_per_gas
        assert not (fits and 11 * offered.max_priority_fee_per_gas <= 10 * highest.max_priority_fee_per_gas)
        return
    assert 10 * rung.max_fee_per_gas >= 11 * offered.max_fee_per_gas
    assert 10 * rung.max_priority_fee_per_gas >= 11 * offered.max_priority_fee_per_gas
    assert rung.max_fee_per_gas <= highest.max_fee_per_gas
    assert rung.max_priority_fee_per_gas <= min(highest.max_priority_fee_per_gas, rung.max_fee_per_gas)
    if wanted.max_fee_per_gas <= highest.max_fee_per_gas:
        assert rung.max_fee_per_gas >= wanted.max_fee_per_gas


@given(
    operation=st.tuples(FEE, FEE, st.integers(0, 2**40)).map(
        lambda t: replace(
            a_user_operation(),
            max_fee_per_gas=Wei(t[0]),
            max_priority_fee_per_gas=Wei(t[1]),
            call_gas_limit=Gas(t[2]),
        )
    ),
    max_fee=st.none() | FEE,
    tip=st.none() | FEE,
    cost=st.none() | st.integers(0, 2**140),
    keeps_a_rung=st.booleans(),
)
def test_the_highest_fees_keep_to_every_cap(
    operation: UserOperation, max_fee: int | None, tip: int | None, cost: int | None, *, keeps_a_rung: bool
) -> None:
    caps = FeeCaps(
        max_fee_per_gas_wei=None if max_fee is None else Wei(max_fee),
        max_priority_fee_per_gas_wei=None if tip is None else Wei(tip),
        max_cost_wei=None if cost is None else Wei(cost),
    )
    highest = ceiling(operation, caps, keeps_a_rung=keeps_a_rung)
    priced = replace(operation, max_fee_per_gas=highest.max_fee_per_gas)

    assert max_fee is None or highest.max_fee_per_gas <= max_fee
    assert tip is None or highest.max_priority_fee_per_gas <= tip
    assert cost is None or worst_case_cost_wei(priced) <= cost


@given(cap=st.integers(1, 2**100))
def test_a_kept_rung_suffices_to_cancel_below_the_cap(cap: int) -> None:
    caps = FeeCaps(max_fee_per_gas_wei=Wei(cap))
    payment = ceiling(a_user_operation(), caps, keeps_a_rung=True)
    cancel = ceiling(a_user_operation(), caps, keeps_a_rung=False)

    assert next_rung(payment, payment, cancel) is not None


def test_an_underpriced_operation_gets_in_one_step_to_what_the_chain_asks() -> None:
    offered, wanted = Fees(Wei(3 * GWEI), Wei(GWEI)), Fees(Wei(40 * GWEI), Wei(GWEI))

    assert next_rung(offered, wanted, Fees(Wei(100 * GWEI), Wei(100 * GWEI))) == Fees(
        Wei(40 * GWEI), Wei(11 * GWEI // 10)
    )


@pytest.mark.parametrize(
    ("age_s", "code", "expected"),
    [
        (59, "accepted", Wish.SAME),
        (60, "accepted", Wish.RAISE),
        (0, "fee_too_low", Wish.RAISE),
        (0, "replacement_underpriced", Wish.RAISE),
        (0, "aa26", Wish.REBUILD),
        (0, "aa23_no_reason", Wish.REBUILD),
        (0, CANCEL_ASKED, Wish.CANCEL),
        (3_600, "accepted", Wish.RAISE),
        (3_601, "accepted", Wish.SAME),
        (3_601, "fee_too_low", Wish.SAME),
    ],
)
def test_age_and_the_bundlers_word_decide_what_is_due(age_s: int, code: str, expected: Wish) -> None:
    assert wish(SENT, code, TERMS, at(age_s)) is expected


def test_every_code_that_asks_for_more_gas_is_one_that_a_bundler_s_answer_gets() -> None:
    """What an answer means and what is done about it are told apart by the code alone."""
    for line in corpus():
        meaning = meaning_of(line.answer, line.phase)
        assert (meaning.action == Rebuild(Part.GAS)) == (meaning.code in WANTS_GAS), line


@given(gas=st.integers(0, 2**100))
def test_more_gas_is_a_quarter_more_rounded_up(gas: int) -> None:
    assert 5 * gas <= 4 * more_gas(Gas(gas)) < 5 * gas + 4


def test_an_operation_gets_more_gas_a_few_times_in_an_attempt() -> None:
    sent = list(SENT)
    for _ in range(MOST_REBUILDS):
        assert not has_gas_enough(sent)
        gas = more_gas(sent[-1].operation.verification_gas_limit)
        grown = replace(sent[-1].operation, verification_gas_limit=gas)
        sent += [replace(sent[-1], operation=grown)] * 2
    assert has_gas_enough(sent)
    assert not has_gas_enough([*sent, replace(sent[-1], attempt=2)])
    assert not has_gas_enough([*sent, replace(sent[-1], cancels=True)])


def test_it_is_cancelled_at_its_deadline_where_the_job_says_so() -> None:
    giving_up = Terms(FeeCaps(give_up=GiveUp.CANCEL), DEADLINE)

    assert wish(SENT, "accepted", giving_up, DEADLINE) is Wish.RAISE
    assert wish(SENT, "accepted", giving_up, Timestamp(DEADLINE + 1)) is Wish.CANCEL


def test_a_cancel_is_raised_by_its_age_and_never_cancelled_again() -> None:
    cancel = replace(a_journaled_operation(seed=2), cancels=True)
    giving_up = Terms(FeeCaps(give_up=GiveUp.CANCEL), DEADLINE)

    assert wish((*SENT, cancel), CANCEL_ASKED, giving_up, at(59)) is Wish.SAME
    assert wish((*SENT, cancel), CANCEL_ASKED, giving_up, at(7_200)) is Wish.RAISE


@pytest.mark.parametrize("code", sorted(WANTS_GAS))
@pytest.mark.parametrize("age_s", [0, 60, 7_200])
def test_a_cancel_gets_more_gas_whenever_the_bundler_wants_it(code: str, age_s: int) -> None:
    cancel = replace(a_journaled_operation(seed=2), cancels=True)

    assert wish((*SENT, cancel), code, TERMS, at(age_s)) is Wish.REBUILD


def test_the_newest_operation_s_age_counts() -> None:
    raised: JournaledOperation = replace(a_journaled_operation(seed=2), journaled_at=at(50))

    assert wish((*SENT, raised), "accepted", TERMS, at(70)) is Wish.SAME


@pytest.mark.parametrize(
    ("base_gwei", "code", "age_s", "expected"),
    [
        (1, "accepted", 60, False),
        (2, "accepted", 60, True),
        (2, "unknown", 60, True),
        (2, "accepted", 59, False),
        (1, "fee_too_low", 0, True),
        (1, "accepted", FAIR_PRICE_PATIENCE * 60, True),
        (1, "unknown", 10**6, False),
        (1, "aa33", 60, True),
        (1, "paymaster_refused", 60, True),
        (1, "aa33", 59, False),
    ],
)
def test_more_is_offered_only_where_more_is_asked(
    base_gwei: int, code: str, age_s: int, *, expected: bool
) -> None:
    offered = Fees(Wei(2 * GWEI), Wei(GWEI))

    assert is_short(offered, Wei(base_gwei * GWEI), code, age_s, 60) is expected


def test_what_a_bundler_names_lifts_what_is_wanted() -> None:
    assert highest_of(Fees(Wei(5), Wei(2)), (Wei(7), None)) == Fees(Wei(7), Wei(2))


REVERTS = "execution_reverted_error"
CANCELS = Terms(FeeCaps(give_up=GiveUp.CANCEL), DEADLINE)


@pytest.mark.parametrize(
    ("terms", "seconds", "due"),
    [(TERMS, 0, Wish.REPLAN), (TERMS, 3_601, Wish.HOLD), (CANCELS, 3_601, Wish.CANCEL)],
)
def test_what_reverts_in_simulation_gets_new_calls_until_its_grace_ends(
    terms: Terms, seconds: int, due: Wish
) -> None:
    assert wish(SENT, REVERTS, terms, at(seconds)) is due


@pytest.mark.parametrize(
    ("terms", "seconds", "chain_seconds", "due"),
    [
        (TERMS, 0, 30, Wish.SAME),
        (TERMS, 0, 31, Wish.REPLAN),
        (TERMS, 3_601, 31, Wish.CANCEL),
        (TERMS, 3_601, 30, Wish.SAME),
        (CANCELS, 3_601, 31, Wish.CANCEL),
    ],
)
def test_what_can_only_revert_is_not_sent_again(
    terms: Terms, seconds: int, chain_seconds: int, due: Wish
) -> None:
    operations = (replace(a_journaled_operation(), useful_until=at(30)),)

    assert wish(operations, "accepted", terms, at(seconds), at(chain_seconds)) is due


def test_a_cancel_is_no_payment_whose_time_is_over() -> None:
    spent = replace(a_journaled_operation(), useful_until=at(30))
    cancel = replace(a_journaled_operation(seed=2), cancels=True)

    assert wish((spent, cancel), "accepted", TERMS, at(0), at(31)) is Wish.SAME


def test_calls_are_made_anew_so_often_an_attempt() -> None:
    def made(number: int, attempt: int = 2) -> JournaledOperation:
        operation = a_user_operation(call_data=number.to_bytes(4, "big"))
        return replace(a_journaled_operation(seed=number + 1), attempt=attempt, operation=operation)

    earlier = [made(number, attempt=1) for number in range(MOST_REPLANS + 1)]
    mine = [made(number) for number in range(MOST_REPLANS + 1)]

    assert not has_plans_enough([*earlier, *mine[:-1]])
    assert has_plans_enough([*earlier, *mine])
    assert not has_plans_enough([*mine[:-1], replace(mine[-1], cancels=True)])
