from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.call import Call
from agent.domain.evaluation import Act, ChainView, Delivered, Evaluation, NotDelivered, Read, Stop, Wait
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.token import Token, TokenAmount
from agent.domain.units import UINT256_MAX, Address, ChainId, Hash32, Timestamp, Wei
from jobs import KINDS, erc20
from jobs.subscription import SUBSCRIPTION, SubscriptionSpec
from tests.builders import ACCOUNT, CHAIN_ID, NOW, PAYEE, an_occurrence

USDC = Token("USDC", Address(bytes(19) + b"\xcc"), 6)
ETHER = Token("ether", None, 18)
TEN = 10_000_000
RECHECK_S = 1_800


def a_spec(*, token: Token = USDC, units: int = TEN) -> SubscriptionSpec:
    return SubscriptionSpec.model_construct(amount=TokenAmount(token, units), payee=PAYEE, recheck=RECHECK_S)


def a_view(values: Mapping[Read, int | bytes | None]) -> ChainView:
    answers = {read: erc20.word(value) if isinstance(value, int) else value for read, value in values.items()}
    return ChainView(ChainId(CHAIN_ID), 100, NOW, answers)


def balance(units: int, spec: SubscriptionSpec | None = None) -> dict[Read, int | bytes | None]:
    return {SUBSCRIPTION.reads(spec or a_spec(), ACCOUNT)[0]: units}


def evaluate(values: Mapping[Read, int | bytes | None], spec: SubscriptionSpec | None = None) -> Evaluation:
    return SUBSCRIPTION.evaluate(spec or a_spec(), a_view(values), an_occurrence())


@dataclass(frozen=True)
class Log:
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


def transfer_log(
    units: int = TEN,
    *,
    token: Address | None = USDC.address,
    sender: Address = ACCOUNT,
    to: Address = PAYEE,
) -> Log:
    assert token is not None
    topics = (erc20.TRANSFER_EVENT, erc20.word(sender), erc20.word(to))
    return Log(token, tuple(Hash32(topic) for topic in topics), erc20.word(units))


def test_the_agent_ships_the_kind() -> None:
    assert KINDS["subscription"] is SUBSCRIPTION


def test_a_token_is_paid_by_one_transfer() -> None:
    decided = evaluate(balance(TEN))
    assert isinstance(decided, Act)
    data = "a9059cbb" + PAYEE.hex().rjust(64, "0") + f"{TEN:064x}"
    assert USDC.address is not None
    assert decided.calls == (Call(USDC.address, Wei(0), bytes.fromhex(data)),)
    assert decided.intent["amount"] == str(TEN)
    assert decided.intent["to"] == str(PAYEE)


def test_coin_is_paid_by_a_plain_transfer() -> None:
    spec = a_spec(token=ETHER, units=10**17)
    decided = evaluate(balance(10**17, spec), spec)
    assert isinstance(decided, Act)
    assert decided.calls == (Call(PAYEE, Wei(10**17), b""),)
    assert decided.intent["token"] == "native"


@pytest.mark.parametrize("spec", [a_spec(), a_spec(token=ETHER)])
def test_a_short_balance_waits_and_says_both_numbers(spec: SubscriptionSpec) -> None:
    decided = evaluate(balance(TEN - 1, spec), spec)
    assert isinstance(decided, Wait)
    assert (decided.until, decided.code) == (Timestamp(NOW + RECHECK_S), "insufficient_balance")
    assert str(spec.amount) in decided.why


def test_a_short_balance_is_told_in_tokens() -> None:
    decided = evaluate(balance(9_500_000))
    assert isinstance(decided, Wait)
    assert decided.why == "9.5 USDC held, 10 USDC needed"


@pytest.mark.parametrize("answer", [None, b"", b"\0" * 31])
def test_a_balance_that_cannot_be_read_is_never_taken_for_enough(answer: bytes | None) -> None:
    [read, *_] = SUBSCRIPTION.reads(a_spec(), ACCOUNT)
    decided = evaluate({read: answer})
    assert isinstance(decided, Wait)
    assert decided.code == "balance_unknown"


def test_a_paused_token_waits() -> None:
    _, paused, _, _ = SUBSCRIPTION.reads(a_spec(), ACCOUNT)
    decided = evaluate({**balance(TEN), paused: 1})
    assert isinstance(decided, Wait)
    assert decided.code == "token_paused"


@pytest.mark.parametrize(("index", "code"), [(2, "account_blacklisted"), (3, "payee_blacklisted")])
def test_a_barred_party_stops_the_job(index: int, code: str) -> None:
    read = SUBSCRIPTION.reads(a_spec(), ACCOUNT)[index]
    decided = evaluate({**balance(TEN), read: 1})
    assert isinstance(decided, Stop)
    assert decided.code == code


def test_a_token_without_pause_and_blacklist_is_paid() -> None:
    _, *optional = SUBSCRIPTION.reads(a_spec(), ACCOUNT)
    assert isinstance(evaluate({**balance(TEN), **dict.fromkeys(optional)}), Act)


def test_the_transfer_log_confirms_delivery() -> None:
    assert SUBSCRIPTION.confirm(a_spec(), ACCOUNT, [transfer_log()]) == Delivered()


@pytest.mark.parametrize(
    "log",
    [
        transfer_log(token=PAYEE),
        transfer_log(sender=PAYEE),
        transfer_log(to=ACCOUNT),
    ],
)
def test_another_transfer_confirms_nothing(log: Log) -> None:
    found = SUBSCRIPTION.confirm(a_spec(), ACCOUNT, [log])
    assert isinstance(found, NotDelivered)
    assert found.code == "no_transfer"


@pytest.mark.parametrize("logs", [[transfer_log(TEN - 1)], [transfer_log(), transfer_log()]])
def test_another_amount_is_told_with_both_numbers(logs: list[Log]) -> None:
    found = SUBSCRIPTION.confirm(a_spec(), ACCOUNT, logs)
    assert isinstance(found, NotDelivered)
    assert found.code == "amount_differs"
    assert "10 USDC" in found.why


def test_coin_leaves_no_log() -> None:
    assert SUBSCRIPTION.confirm(a_spec(token=ETHER), ACCOUNT, []) == Delivered()


def test_a_session_needs_one_function_one_payee_and_at_most_the_amount() -> None:
    assert USDC.address is not None
    assert SUBSCRIPTION.requirements(a_spec(), ACCOUNT, uses=16) == (
        ActionRequirement(
            target=USDC.address,
            selector=bytes.fromhex("a9059cbb"),
            uses=16,
            rules=(
                ArgumentRule("to", 0, Comparison.EQUAL, int.from_bytes(PAYEE, "big")),
                ArgumentRule("amount", 32, Comparison.AT_MOST, TEN),
            ),
            token=USDC.address,
            token_total=16 * TEN,
        ),
    )


def test_a_session_for_coin_needs_the_payee_alone() -> None:
    [need] = SUBSCRIPTION.requirements(a_spec(token=ETHER, units=5), ACCOUNT, uses=3)
    assert (need.target, need.selector, need.value_total_wei) == (PAYEE, b"\xff" * 4, 15)


@given(st.integers(1, UINT256_MAX), st.integers(0, UINT256_MAX))
def test_money_moves_only_when_all_of_it_is_there(units: int, held: int) -> None:
    spec = a_spec(units=units)
    decided = evaluate(balance(held, spec), spec)
    assert isinstance(decided, Act) == (held >= units)
