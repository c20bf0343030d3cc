import json

import pytest

from agent.domain.budget import LimitKey, Violation
from agent.domain.errors import AgentError, BundlerUnavailable, FeeAboveCap
from agent.domain.evaluation import NextBlock
from agent.domain.states import Event
from agent.domain.token import Token
from agent.domain.units import Address, Timestamp
from agent.pipeline.refusal import Defer, PreflightError, Stuck, from_error, from_evaluation
from tests.builders import CHAIN_ID, NOW, PAYEE, a_hash

USDC = Token("USDC", PAYEE, 6)
VIOLATION = Violation(
    "spending_limit",
    "ask the owner to grant more: sessions new",
    part=str(PAYEE),
    asked=2_500_000,
    left=2_000_000,
    session="main",
    rule="ERC20SpendingLimit",
    target=PAYEE,
    unit="token",
    limit=10_000_000,
    used=7_000_000,
    reserved=1_000_000,
)


def test_a_refusal_is_put_off_with_its_words_and_its_exact_numbers() -> None:
    answer = from_error(PreflightError((VIOLATION,), {PAYEE: USDC}), NOW, Timestamp(NOW + 400))

    assert (answer.event, answer.code, answer.not_before) == (Event.POSTPONE, "spending_limit", NOW + 500)
    assert answer.reason == (
        "main: spending_limit (ERC20SpendingLimit on USDC): 7.00 of 10.00 USDC used, 1.00 reserved, "
        "this needs 2.50; ask the owner to grant more: sessions new"
    )
    (document,) = json.loads(answer.facts["violations"])
    assert (document["asked"], document["left"], document["reserved"]) == (2_500_000, 2_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (Defer("node_behind", "wait"), Event.POSTPONE),
        (FeeAboveCap("max fee per gas", 2, 1), Event.POSTPONE),
        (BundlerUnavailable("no answer"), Event.POSTPONE),
        (Stuck("lane_ahead", "look"), Event.HOLD),
        (AgentError("strange"), Event.HOLD),
    ],
)
def test_other_errors_carry_no_violations(error: AgentError, event: Event) -> None:
    answer = from_error(error, NOW, NOW)

    assert (answer.event, answer.code, answer.facts) == (event, error.code, {})


def test_limit_key_is_read_back() -> None:
    key = LimitKey(CHAIN_ID, a_hash(1), a_hash(2), Address(bytes(20)), "rule3")

    assert LimitKey.parse(str(key)) == key


def test_a_kind_that_asks_for_the_next_block_is_not_shown_the_same_block_at_once() -> None:
    found = from_evaluation(NextBlock("price_deviates", "too little"), NOW)
    assert (found.event, found.code, found.not_before) == (Event.POSTPONE, "price_deviates", NOW + 2)
