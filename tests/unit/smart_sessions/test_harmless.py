"""Calls that move nothing, found in a session without knowing the kind of job."""

from agent.domain.call import Call
from agent.domain.session import PolicyData
from agent.domain.units import Wei
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.harmless import harmless_calls, moves_nothing
from agent.smart_sessions.policies import uni_action
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
    OTHER,
    PAYEE,
    SUDO,
    TOKEN,
    a_grant,
    a_transfer,
    an_action,
)

SWAP = bytes.fromhex("12345678")


def pinned_to_payee() -> PolicyData:
    rule = Rule(Condition.EQUAL, 0, bytes(12) + PAYEE)
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(0), (rule,))))


def approval(amount: int) -> Call:
    return a_transfer(amount, selector=APPROVE)


def test_the_payment_s_own_recipient_comes_first_with_an_amount_of_zero() -> None:
    session = a_grant(an_action(SUDO)).session

    found = harmless_calls(session, ACCOUNT, [a_transfer(7, to=OTHER)])

    assert found[0] == a_transfer(0, to=OTHER)
    assert a_transfer(0, to=ACCOUNT) in found


def test_without_a_payment_the_recipient_that_the_rules_pin_is_taken() -> None:
    assert harmless_calls(a_grant(an_action(pinned_to_payee())).session, ACCOUNT) == (a_transfer(0),)


def test_a_plain_transfer_is_an_empty_call_and_approvals_are_the_last_resort() -> None:
    native = an_action(SUDO, selector=NATIVE_TRANSFER_SELECTOR, target=PAYEE)
    session = a_grant(an_action(pinned_to_payee(), selector=APPROVE), native).session

    assert harmless_calls(session, ACCOUNT) == (Call(PAYEE, Wei(0), b""), approval(0))


def test_a_session_for_other_functions_names_nothing_harmless() -> None:
    assert harmless_calls(a_grant(an_action(SUDO, selector=SWAP)).session, ACCOUNT) == ()


def test_whatever_is_found_moves_nothing_and_a_payment_does_not() -> None:
    native = an_action(SUDO, selector=NATIVE_TRANSFER_SELECTOR, target=PAYEE)
    session = a_grant(an_action(SUDO), an_action(SUDO, selector=APPROVE), native).session

    assert moves_nothing(harmless_calls(session, ACCOUNT, [a_transfer(1), approval(2)]))
    assert not moves_nothing([a_transfer(1)])
    assert not moves_nothing([approval(1)])
    assert not moves_nothing([Call(PAYEE, Wei(1), b"")])
    assert not moves_nothing([Call(TOKEN, Wei(0), SWAP)])
    assert not moves_nothing([Call(TOKEN, Wei(0), TRANSFER)])
