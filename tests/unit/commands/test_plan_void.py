"""`plan` says how long a signed operation may land, and whether it could be cancelled."""

from dataclasses import replace

import pytest

from agent.cli.plan_void import life_document, life_sentence
from agent.commands.plan_fires import SessionOutlook
from agent.commands.plan_void import Lifetime, VoidBy, lifetime, lifetimes
from agent.commands.session_usage import LimitLine
from agent.domain.session import PolicyData
from agent.domain.units import Wei
from agent.smart_sessions.policies import uni_action
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.preflight import limits
from tests.unit.commands.test_plan_fires import a_job, fires
from tests.unit.smart_sessions.grants import END, NOW, PAYEE, TIME, USES, a_grant, an_action, seen


def a_session(*rules: PolicyData, every: tuple[PolicyData, ...] = ()) -> SessionOutlook:
    grant = a_grant(an_action(USES, *rules, selector=TRANSFER), on_operations=every)
    now = seen(grant)
    lines = tuple(LimitLine(use, "UsageLimit", "transfer", 0) for use in limits(grant, now))
    return SessionOutlook("main", grant, now, lines)


def amounts(condition: Condition, amount: int) -> PolicyData:
    to = Rule(Condition.EQUAL, 0, bytes(12) + PAYEE)
    amount_rule = Rule(condition, 32, amount.to_bytes(32, "big"))
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(0), (to, amount_rule))))


def life(session: SessionOutlook) -> Lifetime:
    return lifetime(a_job("main"), session, NOW)


def test_only_the_nonce_ends_what_was_signed_under_a_session_without_end() -> None:
    assert life(a_session()) == Lifetime(VoidBy.NEVER, None, can_cancel=True)


def test_the_session_s_end_makes_it_void() -> None:
    found = life(a_session(every=(TIME,)))

    assert found == Lifetime(VoidBy.SESSION, END, can_cancel=True)
    assert "2030-03-17" in life_sentence(found)


def test_a_paymaster_s_offer_ends_first() -> None:
    job = a_job("main")
    sponsored = replace(job, definition=replace(job.definition, pay_gas_by=("sponsor", "self")))

    found = lifetime(sponsored, a_session(every=(TIME,)), NOW)

    assert (found.by, found.session_ends) == (VoidBy.PAYMASTER, END)
    assert "offer" in life_sentence(found)


@pytest.mark.parametrize(
    ("condition", "can_cancel"), [(Condition.LESS_OR_EQUAL, True), (Condition.EQUAL, False)]
)
def test_at_most_rules_let_a_transfer_of_zero_cancel(condition: Condition, *, can_cancel: bool) -> None:
    found = life(a_session(amounts(condition, 10)))

    assert found.can_cancel is can_cancel
    assert life_document(found) == {"by": "never", "session_ends": None, "can_cancel": can_cancel}


def test_each_job_that_would_sign_is_told_once() -> None:
    job, session = a_job("main"), a_session()
    coming = fires(job, {"main": [session]}, 5)

    assert lifetimes(coming, {"rent": job}, {"main": session}, NOW) == {"rent": life(session)}
    assert lifetimes(coming[3:], {"rent": job}, {"main": session}, NOW) == {}
