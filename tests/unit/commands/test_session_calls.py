"""What a session says of functions that lend, pay back and swap, and of those that nobody here knows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.commands.session_words import most_words, worst_case_words
from agent.definitions.records import Definitions
from agent.domain.keccak import keccak256
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, Wei
from agent.erc4337.version import CANONICAL_ENTRY_POINTS, EntryPointVersion
from agent.smart_sessions.guards import guarded_actions
from agent.smart_sessions.known_calls import Does, known_call, words_ruled
from agent.smart_sessions.policies import uni_action
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.worst_case import Outflow, WorstCase, worst_case
from jobs.conformance import Sample
from jobs.conformance.sample import ACCOUNT
from tests.unit.commands.test_session_need import a_draft, a_job
from tests.unit.commands.test_session_sound import definitions, made  # noqa: F401 - a fixture
from tests.unit.commands.test_session_worst_case import (
    OTHER_TOKEN,
    PAYEE,
    SUDO,
    THIEF,
    TOKEN,
    USDC,
    a_session,
    rule,
    rules,
    uses,
    value,
)
from tests.unit.commands.test_triggered_sessions import FIVE
from tests.unit.jobs.loans.test_conformance import SAMPLES as LOANS
from tests.unit.jobs.samples import SAMPLES

POOL = Address(b"\x72" * 20)
END = "until 2026-12-01 00:00:00 UTC"
REPAY = keccak256(b"repay(address,uint256,uint256,address)")[:4]
REPAY_LENT = keccak256(b"repayWithATokens(address,uint256,uint256)")[:4]
DEPOSIT_TO = keccak256(b"depositTo(address)")[:4]
STRANGE = b"\x01\x02\x03\x04"
PAYS_BACK = (
    rule(0, Condition.EQUAL, TOKEN),
    rule(32, Condition.LESS_OR_EQUAL, 12_000_000),
    rule(64, Condition.EQUAL, 2),
    rule(96, Condition.EQUAL, PAYEE),
)
REPAYMENT = ActionData(REPAY, POOL, (rules(*PAYS_BACK), uses(3)))


def approval(
    to: Address | None, most: int = 12_000_000, count: int = 3, token: Address = TOKEN
) -> ActionData:
    found = [rule(32, Condition.LESS_OR_EQUAL, most)]
    if to is not None:
        found.append(rule(0, Condition.EQUAL, to))
    return ActionData(APPROVE, token, (rules(*found), uses(count)))


def session_for(definitions: Definitions, sample: Sample) -> Session:  # noqa: F811
    job = replace(
        a_job("any"), kind=sample.kind.name, schedule=None, spec=sample.read_spec(), account=ACCOUNT
    )
    wish = replace(FIVE, uses=None) if sample.kind.expected_uses(job.spec) else FIVE
    return made(definitions, replace(a_draft(job), account=ACCOUNT), wish).definition.session


def lines(worst: WorstCase) -> Sequence[str]:
    return worst_case_words(worst, USDC)[1:]


@pytest.mark.parametrize("sample", LOANS.values(), ids=LOANS)
def test_a_loan_s_session_costs_what_it_may_pay_in(definitions: Definitions, sample: Sample) -> None:  # noqa: F811
    worst = worst_case(session_for(definitions, sample))
    assert worst.unbounded == ()
    (most,) = [amount for token, amount in worst.totals.items() if token is not None]
    assert most == 7 * 6_000 * 10**6 or most == 7 * 6 * 10**18
    (call,) = worst.calls
    assert set(call.whose) <= {ACCOUNT}
    # Of Morpho all is paid back by shares, which have no number.
    assert worst.is_bounded is not call.has_shares


@pytest.mark.parametrize(
    "name", [name for name, item in SAMPLES.items() if item.kind.name != "contract_call"]
)
def test_sessions_of_other_kinds_have_a_number(definitions: Definitions, name: str) -> None:  # noqa: F811
    assert worst_case(session_for(definitions, SAMPLES[name])).is_bounded


@pytest.mark.parametrize("sample", LOANS.values(), ids=LOANS)
def test_whose_loan_and_which_token_must_be_pinned(
    definitions: Definitions,  # noqa: F811
    sample: Sample,
) -> None:
    session = session_for(definitions, sample)
    *others, paying = session.actions
    policy, *more = paying.action_policies
    found = uni_action.decode(policy.init_data).rules
    (call,) = worst_case(session).calls
    for pin in (item for item in found if item.condition is Condition.EQUAL):
        kept = PolicyData(
            policy.policy, uni_action.encode(uni_action.UniAction(Wei(0), _without(found, pin)))
        )
        looser = ActionData(paying.action_target_selector, paying.action_target, (kept, *more))
        worst = worst_case(replace(session, actions=(*others, looser)))
        # In which way Aave charges interest and who referred it moves nothing.
        is_harmless = worst.calls != () and pin.offset != 0 and Address(pin.reference[12:]) not in call.whose
        assert is_harmless or worst.unbounded


def _without(found: Sequence[Rule], one: Rule) -> tuple[Rule, ...]:
    return tuple(item for item in found if item is not one)


def test_words_of_a_loan_say_what_is_paid_back_for_whom() -> None:
    worst = worst_case(a_session(approval(POOL), REPAYMENT))
    assert lines(worst) == (f"One call of {POOL} pays back at most 12 USDC, of what {PAYEE} owes.",)
    assert most_words(worst, USDC) == (
        f"If this key leaks, at most 0.02 ether in gas and 36 USDC to {POOL} can leave {END}, gas and"
        " paymasters' fees included; what others may pull by an allowance can leave later."
    )


@pytest.mark.parametrize(
    ("approvals", "earlier"),
    [
        ((approval(POOL),), 0),
        ((approval(POOL, most=5_000_000),), 21_000_000),
        ((approval(POOL, token=OTHER_TOKEN),), 36_000_000),
        ((approval(THIEF),), 36_000_000),
        ((approval(None),), 36_000_000),
        ((), 36_000_000),
    ],
)
def test_what_older_allowances_let_it_take_is_counted_too(
    approvals: tuple[ActionData, ...], earlier: int
) -> None:
    flows = worst_case(a_session(*approvals, REPAYMENT)).outflows
    expected = [Outflow(TOKEN, earlier, 12_000_000, POOL, earlier=True)] if earlier else []
    assert [flow for flow in flows if flow.earlier] == expected


def test_two_functions_of_one_contract_add_up() -> None:
    supply = keccak256(b"supply(address,uint256,address,uint16)")[:4]
    pins = (*PAYS_BACK[:2], rule(64, Condition.EQUAL, PAYEE), rule(96, Condition.EQUAL, 0))
    lending = ActionData(supply, POOL, (rules(*pins), uses(2)))
    worst = worst_case(a_session(approval(POOL), REPAYMENT, lending))
    assert worst.totals[TOKEN] == 5 * 12_000_000


def test_an_approval_pays_nothing_of_what_is_lent() -> None:
    lent = ActionData(REPAY_LENT, POOL, (rules(*PAYS_BACK[:3]), uses(3)))
    worst = worst_case(a_session(approval(POOL), lent))
    assert worst.totals[TOKEN] == 2 * 36_000_000
    assert lines(worst)[0].endswith("pays back at most 12 USDC, out of what the account lent there.")


def test_calls_that_nothing_counts_have_no_number() -> None:
    endless = replace(REPAYMENT, action_policies=(rules(*PAYS_BACK),))
    worst = worst_case(a_session(approval(POOL), endless))
    assert worst.totals[TOKEN] is None
    assert not worst.is_bounded


def test_a_deposit_is_one_of_an_entry_point_for_one_account() -> None:
    entry_point = CANONICAL_ENTRY_POINTS[EntryPointVersion.V07]
    pinned = rules(rule(0, Condition.EQUAL, PAYEE), value_wei=5)
    worst = worst_case(a_session(ActionData(DEPOSIT_TO, entry_point, (pinned, value(50)))))
    assert [call.does for call in worst.calls] == [Does.DEPOSIT]
    assert lines(worst) == (f"What is paid in at {entry_point} is the deposit of {PAYEE}.",)
    assert worst.is_bounded
    elsewhere = worst_case(a_session(ActionData(DEPOSIT_TO, POOL, (pinned, value(50)))))
    assert elsewhere.not_counted


ONE, TWO = rule(0, Condition.EQUAL, PAYEE), rule(32, Condition.LESS_OR_EQUAL, 5)


def test_pinned_arguments_of_a_strange_function_are_said_and_not_counted() -> None:
    worst = worst_case(a_session(ActionData(STRANGE, POOL, (rules(ONE, TWO), uses(1)))))
    assert not worst.is_bounded
    assert worst.unbounded == ()
    said = (
        f"the function 0x01020304 of {POOL} may be called with these arguments only (2 words that rules fix"
        " or bound, any behind are free); what it does is up to the contract"
    )
    assert lines(worst) == (f"Not in these numbers: {said}.",)
    assert most_words(worst, USDC) == (
        f"If this key leaks, at most 0.02 ether in gas can leave {END}, gas and paymasters' fees included;"
        f" not in this number: {said}."
    )


@pytest.mark.parametrize(
    ("found", "count"),
    [
        ((ONE,), 1),
        ((ONE, TWO), 2),
        ((TWO, ONE), 2),
        ((TWO,), 0),
        ((ONE, rule(64, Condition.EQUAL, 1)), 0),
        ((ONE, rule(32, Condition.GREATER_OR_EQUAL, 5)), 1),
        ((rule(0, Condition.NOT_EQUAL, 5),), 0),
    ],
)
def test_words_count_from_the_first_on_and_without_a_gap(found: tuple[Rule, ...], count: int) -> None:
    session = a_session(ActionData(STRANGE, POOL, (rules(*found), uses(1))))
    (action,) = guarded_actions(session)
    assert words_ruled(action) == count
    assert bool(worst_case(session).unbounded) is (count == 0)


def test_a_strange_function_without_rules_has_no_bound() -> None:
    session = a_session(ActionData(STRANGE, POOL, (SUDO,)))
    (action,) = guarded_actions(session)
    assert known_call(action) is None
    assert "Without a bound: the function 0x01020304" in lines(worst_case(session))[-1]
