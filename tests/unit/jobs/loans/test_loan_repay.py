"""What the kind sees, decides and believes, on the answers of an Aave v3 market."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import Act, ChainView, Evaluation, NextBlock, Skip, Wait
from agent.domain.states import State
from agent.domain.units import UINT256_MAX, Address, Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Glance
from jobs import KINDS
from jobs.loan_repay import LOAN_REPAY, PATIENCE_S, PER_DAY
from jobs.loan_repay_spec import LoanRepaySpec
from jobs.loans.fields import FreshFields
from jobs.loans.position import Means
from tests.builders import ACCOUNT, NOW, an_occurrence
from tests.unit.jobs.loans.aave_answers import (
    ACTIVE,
    DOLLAR,
    FROZEN,
    PAUSED,
    POOL,
    USDC,
    WETH,
    Chain,
    a_spec,
    a_view,
    answers,
    words,
)

SOUND = Chain(health=11 * 10**17 + 1)
LOW = Chain()


def evaluate(chain: Chain, spec: LoanRepaySpec | None = None, left: int | None = None) -> Evaluation:
    chosen = spec or a_spec()
    caps = {} if left is None else {PER_DAY: left}
    view = a_view(answers(chain, chosen.payment.token), left=caps)
    return LOAN_REPAY.evaluate(chosen, view, an_occurrence())


def watch(
    chain: Chain,
    spec: LoanRepaySpec | None = None,
    past: Firings | None = None,
    view: ChainView | None = None,
) -> Glance:
    chosen = spec or a_spec()
    seen = view or a_view(answers(chain, chosen.payment.token))
    return LOAN_REPAY.watch(chosen, ACCOUNT, seen, NO_MEMORY, past or Firings())


def paid(decided: Evaluation) -> int:
    assert isinstance(decided, Act)
    return int(decided.intent["amount"])


def test_the_agent_ships_the_kind() -> None:
    assert KINDS["loan_repay"] is LOAN_REPAY
    assert LOAN_REPAY.repeat_safe


def test_a_sound_loan_is_left_alone() -> None:
    glance = watch(SOUND)
    assert (glance.fires, glance.alarm, glance.code) == (False, False, "above_trigger")
    assert isinstance(evaluate(SOUND), Skip)


def test_a_low_loan_fires_with_the_number_that_decided() -> None:
    glance = watch(LOW)
    assert (glance.fires, glance.alarm) == (True, False)
    assert glance.facts == {"health_factor": "1.023000"}


def test_a_loan_that_stays_low_is_told_in_the_end() -> None:
    """Whatever the reason: a day's cap, fees, a bundler that refuses."""
    first = watch(LOW)
    assert first.memory == {"low_since": NOW}
    assert first.again.at_time == NOW + PATIENCE_S
    view = a_view(answers(LOW))
    before = {"low_since": NOW - PATIENCE_S + 1}
    assert not LOAN_REPAY.watch(a_spec(), ACCOUNT, view, before, Firings(open=1)).alarm
    before = {"low_since": NOW - PATIENCE_S}
    glance = LOAN_REPAY.watch(a_spec(), ACCOUNT, view, before, Firings(open=1))
    assert (glance.alarm, glance.code, glance.memory) == (True, "still_low", before)
    sound = LOAN_REPAY.watch(a_spec(), ACCOUNT, a_view(answers(SOUND)), before, Firings())
    assert sound.memory == NO_MEMORY


def test_a_loan_that_may_be_liquidated_also_raises_an_alarm() -> None:
    assert watch(Chain(health=10**18)).alarm


def test_no_debt_is_no_matter() -> None:
    glance = watch(Chain(debt=0, health=UINT256_MAX))
    assert (glance.fires, glance.alarm, glance.code) == (False, False, "no_debt")


def test_unknown_health_fires_nothing_and_raises_an_alarm() -> None:
    view = a_view(dict.fromkeys(answers(LOW)))
    glance = watch(LOW, view=view)
    assert (glance.fires, glance.alarm, glance.code) == (False, True, "health_factor_unreadable")
    assert isinstance(LOAN_REPAY.evaluate(a_spec(), view, an_occurrence()), NextBlock)


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        (LOW.with_(flags=ACTIVE | PAUSED), "reserve_paused"),
        (LOW.with_(flags=0), "reserve_inactive"),
        (LOW.with_(held=0), "insufficient_funds"),
        (LOW.with_(owed=0), "insufficient_funds"),
    ],
)
def test_what_cannot_be_paid_in_raises_an_alarm_and_fires_nothing(chain: Chain, code: str) -> None:
    glance = watch(chain)
    assert (glance.fires, glance.alarm, glance.code) == (False, True, code)
    decided = evaluate(chain)
    assert isinstance(decided, Skip)
    assert decided.code == code


def test_a_debt_below_the_least_payment_is_paid_back_and_no_less_of_it() -> None:
    unit = 10**6
    owed, spec = 40 * unit, a_spec(least=50 * unit)
    small = LOW.with_(owed=owed)
    assert watch(small, spec).fires
    assert paid(evaluate(small, spec)) == owed + owed // 1_000
    assert paid(evaluate(small, spec, left=45 * unit)) == owed + owed // 1_000
    # All of it or, of a larger debt, the least.
    assert watch(small.with_(held=owed - 1), spec).code == "insufficient_funds"
    assert watch(LOW.with_(held=50 * unit - 1), spec).code == "insufficient_funds"
    assert watch(LOW.with_(held=50 * unit), spec).fires


def test_a_frozen_reserve_takes_repayments_and_no_collateral() -> None:
    frozen = LOW.with_(flags=ACTIVE | FROZEN, is_collateral=True)
    assert isinstance(evaluate(frozen), Act)
    decided = evaluate(frozen.with_(held=10**19), a_spec(using=Means.COLLATERAL, token=WETH))
    assert isinstance(decided, Skip)
    assert decided.code == "reserve_frozen"


def test_the_wallet_pays_what_reaches_the_target_and_a_thousandth() -> None:
    decided = evaluate(LOW)
    assert isinstance(decided, Act)
    # 15,000 - 15,345 / 1.2012 dollars.
    assert paid(decided) == 2_225_274_726
    approve, repay = decided.calls
    assert approve.data.hex() == "095ea7b3" + (bytes(12) + POOL).hex() + f"{2_225_274_726:064x}"
    assert USDC.address is not None
    assert repay.data == bytes.fromhex("573ade81") + words(USDC.address, 2_225_274_726, 2, ACCOUNT)
    assert "health factor 1.0230 to 1.2012" in decided.intent["text"]


def test_what_is_approved_already_is_not_approved_again() -> None:
    decided = evaluate(LOW.with_(allowance=UINT256_MAX))
    assert isinstance(decided, Act)
    assert len(decided.calls) == 1


def test_an_older_approval_is_taken_back_first() -> None:
    decided = evaluate(LOW.with_(allowance=5))
    assert isinstance(decided, Act)
    assert [int.from_bytes(call.data[36:68], "big") for call in decided.calls[:2]] == [0, 2_225_274_726]


def test_atokens_pay_without_an_approval() -> None:
    chain = LOW.with_(lent=10**13, is_collateral=True, held=0)
    decided = evaluate(chain, a_spec(using=Means.ATOKENS))
    assert isinstance(decided, Act)
    (call,) = decided.calls
    # (1.2012 * 15,000 - 15,345) / (1.2012 - 0.8) dollars.
    assert paid(decided) == 6_662_512_463
    assert USDC.address is not None
    assert call.data == bytes.fromhex("2dad97d4") + words(USDC.address, 6_662_512_463, 2)


@pytest.mark.parametrize(
    ("changes", "threshold"),
    [
        ({}, 8_000),
        ({"emode": 1, "reserve_emode": 1}, 9_300),
        ({"emode": 1, "reserve_emode": 2}, 8_000),
        # Newer markets do not tell: the one that asks for more.
        ({"emode": 1, "reserve_emode": None}, 9_300),
    ],
)
def test_the_threshold_of_atokens_is_that_of_the_emode(changes: dict[str, object], threshold: int) -> None:
    chain = LOW.with_(lent=10**13, is_collateral=True, **changes)
    missing = Fraction(12_012 * 15_000, 10_000) - 15_345
    expected = missing / (Fraction(12_012, 10_000) - Fraction(threshold, 10_000)) * 10**6
    assert paid(evaluate(chain, a_spec(using=Means.ATOKENS))) == -(-expected // 1)


def test_an_emode_with_its_own_price_is_unknown() -> None:
    decided = evaluate(LOW.with_(emode=1, reserve_emode=1, emode_price_source=7))
    assert isinstance(decided, NextBlock)
    assert decided.code == "emode_price"


def test_collateral_is_lent_in_the_name_of_the_account() -> None:
    chain = LOW.with_(
        price=1_860 * DOLLAR, reserve_threshold_bps=8_250, is_collateral=True, held=10**19, owed=0
    )
    decided = evaluate(chain, a_spec(using=Means.COLLATERAL, token=WETH))
    assert isinstance(decided, Act)
    # (1.2012 * 15,000 - 15,345) / 0.825 dollars of ether.
    amount = paid(decided)
    assert amount == -(-2_673 * 10**18 * 1_000 // (825 * 1_860))
    assert WETH.address is not None
    assert decided.calls[1].data == bytes.fromhex("617ba037") + words(WETH.address, amount, ACCOUNT, 0)


def test_collateral_that_would_not_count_is_not_lent() -> None:
    decided = evaluate(LOW.with_(held=10**19), a_spec(using=Means.COLLATERAL, token=WETH))
    assert isinstance(decided, Skip)


def test_a_price_of_zero_is_unknown() -> None:
    decided = evaluate(LOW.with_(price=0))
    assert isinstance(decided, NextBlock)
    assert decided.code == "price_zero"


def test_another_oracle_of_the_market_is_unknown() -> None:
    decided = evaluate(LOW.with_(oracle=ACCOUNT))
    assert isinstance(decided, NextBlock)
    assert decided.code == "market_moved"
    glance = watch(LOW.with_(oracle=ACCOUNT))
    assert (glance.fires, glance.alarm, glance.code) == (False, True, "market_moved")


@pytest.mark.parametrize(
    ("spec", "chain", "left", "expected"),
    [
        (a_spec(most=100), LOW, None, 100),
        (a_spec(), LOW, 70, 70),
        (a_spec(), LOW.with_(held=50), None, 50),
        # All of this token's debt and its margin: the rest is owed in others.
        (a_spec(), LOW.with_(owed=1_000_000_000), None, 1_001_000_000),
    ],
)
def test_the_amount_is_the_least_of_need_caps_funds_and_debt(
    spec: LoanRepaySpec, chain: Chain, left: int | None, expected: int
) -> None:
    decided = evaluate(chain, spec, left)
    assert paid(decided) == expected
    assert isinstance(decided, Act)
    assert [(spend.cap, spend.amount) for spend in decided.spends] == [(PER_DAY, expected)]


def test_a_day_without_cap_waits_for_the_next() -> None:
    decided = evaluate(LOW, left=0)
    assert isinstance(decided, Wait)
    assert decided.code == "day_cap_used"
    assert NOW < decided.until <= NOW + 600


def test_paying_with_atokens_of_a_lost_loan_helps_nobody() -> None:
    chain = LOW.with_(
        health=5 * 10**17, threshold_bps=4_000, lent=10**9, is_collateral=True, reserve_threshold_bps=9_000
    )
    decided = evaluate(chain, a_spec(using=Means.ATOKENS))
    assert isinstance(decided, Wait)
    assert decided.code == "no_help"


@pytest.mark.parametrize(
    ("health", "percent"),
    [
        ("1.1", 100),
        ("1.0751", 100),
        ("1.075", 175),
        ("1.05", 250),
        ("1.025", 325),
        ("1.0", 400),
        ("0.8", 400),
    ],
)
def test_the_priority_fee_rises_as_the_health_falls(health: str, percent: int) -> None:
    decided = evaluate(LOW.with_(health=int(Fraction(health) * 10**18)))
    assert isinstance(decided, Act)
    assert decided.priority_percent == percent


@pytest.mark.parametrize(
    ("state", "fires"), [(State.FINAL_OK, False), (State.FAILED, False), (State.SKIPPED, True)]
)
def test_it_cools_down_after_whatever_it_did(state: State, fires: bool) -> None:  # noqa: FBT001
    past = Firings(count=1, last_ended_at=Timestamp(NOW - 59), last_state=state)
    glance = watch(LOW, past=past)
    assert glance.fires is fires
    if not fires:
        assert glance.again.at_time == NOW + 1
    assert watch(LOW, past=Firings(count=1, last_ended_at=Timestamp(NOW - 60), last_state=state)).fires


FEED = Address(bytes([9] * 20))


@pytest.mark.parametrize(
    ("age_s", "answer", "code"),
    [(3_600, 1, "below_trigger"), (3_601, 1, "price_stale"), (0, 0, "price_not_positive")],
)
def test_a_stale_feed_makes_the_health_unknown(age_s: int, answer: int, code: str) -> None:
    feed = FreshFields(feed=str(FEED), max_age="1h")
    spec = a_spec(feeds=(feed,))
    values = {**answers(LOW), feed.read(): words(5, answer, 0, NOW - age_s, 5)}
    glance = watch(LOW, spec, view=a_view(values))
    assert (glance.code, glance.fires) == (code, code == "below_trigger")
    if age_s == 0:
        assert glance.again.at_time == NOW + 3_601


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (a_spec(trigger="1"), "trigger"),
        (a_spec(trigger="1.2", target="1.2"), "target"),
        (a_spec(max_priority_percent=99), "max_priority_percent"),
        (a_spec(most=5, least=6), "min_per_action"),
    ],
)
def test_a_mistake_is_told_at_its_field(spec: LoanRepaySpec, field: str) -> None:
    assert field in LOAN_REPAY.objections(spec, ACCOUNT)


def test_a_sound_spec_has_no_objection() -> None:
    assert LOAN_REPAY.objections(a_spec(), ACCOUNT) == {}


@pytest.mark.parametrize(
    ("means", "token"), [(Means.WALLET, USDC), (Means.ATOKENS, USDC), (Means.COLLATERAL, WETH)]
)
@given(
    health=st.integers(0, 11 * 10**17),
    held=st.integers(1, 10**22),
    left=st.integers(0, 10**12),
    allowance=st.integers(0, 10**13),
    most=st.integers(1, 10**12),
)
def test_every_act_is_one_that_the_session_is_made_for(
    means: Means, token: object, health: int, held: int, left: int, allowance: int, most: int
) -> None:
    spec = a_spec(using=means, token=token, most=most)  # type: ignore[arg-type]
    chain = LOW.with_(health=health, held=held, lent=held, allowance=allowance, is_collateral=True)
    decided = evaluate(chain, spec, left)
    (possible,) = LOAN_REPAY.possible_operations(spec, ACCOUNT, 3)
    if isinstance(decided, Act):
        assert possible.includes(decided.calls)
        assert 0 < paid(decided) <= min(most, held, left)
