from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from pydantic import ValidationError

from agent.domain.evaluation import Read
from agent.domain.units import UINT256_MAX, Address, Hash32
from agent.domain.watching import NO_MEMORY, Again
from jobs import erc20
from jobs.conditions.condition import Condition
from jobs.conditions.fields import WhenFields, chosen_names
from jobs.conditions.verdict import FALSE, TRUE, UNKNOWN, Judged, Verdict
from tests.unit.jobs.conditions.views import ACCOUNT, CONTEXT, FEED, NOW, POOL, USDC, a_round, a_view, words

POOL_TEXT, FEED_TEXT = str(POOL), str(FEED)
FEED_FIELDS = {"chainlink": {"feed": FEED_TEXT, "decimals": "8", "max_age": "1h"}}
SPOT_FIELDS = {"uniswap_v3_spot": {"pool": POOL_TEXT}}
PRICE = {"of": "WETH", "below": "1800 USDC", "rearm": "1900.50 USDC", "source": FEED_FIELDS}
BALANCE = {"below": "10 USDC"}
HEALTH = {"loan": {"aave_v3": {"pool": POOL_TEXT}}, "below": "1.15", "rearm": "1.3"}
ANSWER = {"to": POOL_TEXT, "function": "answer(uint256)(int256)", "arguments": ["5"]}
OWNER = {"to": POOL_TEXT, "function": "owner()(address)"}
TRANSFER = "Transfer(address indexed from, address indexed to, uint256 value)"


def when(tree: Mapping[str, Any]) -> WhenFields:
    return WhenFields.model_validate(tree, context=CONTEXT)


def condition(tree: Mapping[str, Any]) -> Condition:
    return when(tree).condition(ACCOUNT)


def judged(tree: Mapping[str, Any], *answers: bytes | None) -> Judged:
    found = condition(tree)
    return found.judge(a_view(dict(zip(found.reads(), answers, strict=True))), NO_MEMORY)


def verdict(tree: Mapping[str, Any], *answers: bytes | None) -> Verdict:
    return judged(tree, *answers).verdict


def mistake_of(tree: Mapping[str, Any]) -> tuple[str, tuple[int | str, ...]]:
    with pytest.raises(ValidationError) as error:
        when(tree)
    (detail,) = error.value.errors()
    return detail.get("ctx", {}).get("code", detail["type"]), detail["loc"]


class TestPrice:
    def test_it_is_judged_by_the_level_in_whole_tokens(self) -> None:
        assert verdict({"price": PRICE}, a_round(1800 * 10**8)) is TRUE
        assert verdict({"price": PRICE}, a_round(1800 * 10**8 + 1)) is FALSE

    def test_both_numbers_are_told(self) -> None:
        found = judged({"price": PRICE}, a_round(179_912_345_678))
        assert found.code == "price_below"
        assert found.why == "the price of WETH is 1799.123456 USDC, the level is 1800 USDC"
        assert found.facts == {"the price of WETH": "1799.123456 USDC"}

    def test_a_small_price_is_told_in_full_too(self) -> None:
        level = {"of": "USDC", "above": "0.0001 WETH", "source": FEED_FIELDS}
        assert judged({"price": level}, a_round(12_345)).facts == {"the price of USDC": "0.00012345 WETH"}

    def test_a_stale_price_is_unknown_and_says_so(self) -> None:
        found = judged({"price": PRICE}, a_round(1, updated_at=NOW - 7200))
        assert (found.verdict, found.code) == (UNKNOWN, "price_stale")

    def test_it_looks_again_when_the_price_goes_stale(self) -> None:
        found = judged({"price": PRICE}, a_round(2000 * 10**8, updated_at=NOW - 100))
        assert found.again == Again(on_change=True, at_time=a_view(at=NOW + 3501).timestamp)

    def test_a_price_that_one_trade_can_move_stands_nowhere_alone(self) -> None:
        spot = {**PRICE, "source": SPOT_FIELDS}
        assert mistake_of({"all": [{"price": spot}]}) == ("spot_price_alone", ("all", 0, "price"))

    def test_it_may_stand_beside_one_that_it_must_agree_with(self) -> None:
        agreed = {"agreed": {"first": SPOT_FIELDS, "second": FEED_FIELDS, "max_deviation_bps": "100"}}
        assert condition({"price": {**PRICE, "source": agreed}}).independent

    def test_who_accepts_it_says_so(self) -> None:
        spot = {**PRICE, "source": SPOT_FIELDS, "accept_spot": "true"}
        assert not condition({"price": spot}).independent

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"above": "2000 USDC"}, "not_one"),
            ({"rearm": "1800 USDC"}, "bad_rearm"),
            ({"rearm": "1900 WETH"}, "two_quotes"),
            ({"confirmations": "0"}, "bad_confirmations"),
            ({"below": "1800"}, "bad_price"),
            ({"below": "0.0 USDC"}, "zero_price"),
            ({"below": "1800 DAI"}, "unknown_token"),
            ({"of": "DAI"}, "unknown_token"),
            ({"source": {}}, "not_one"),
            ({"source": {**FEED_FIELDS, **SPOT_FIELDS}}, "not_one"),
            ({"source": {"chainlink": {**FEED_FIELDS["chainlink"], "decimals": "99"}}}, "bad_decimals"),
            ({"of": "ether", "source": SPOT_FIELDS}, "bad_price_source"),
            (
                {"source": {"uniswap_v3_quote": {"quoter": POOL_TEXT, "amount": "1 ether", "fees": ["500"]}}},
                "bad_price_source",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, change: dict[str, Any], code: str) -> None:
        assert mistake_of({"price": {**PRICE, **change}})[0] == code

    def test_a_price_needs_a_level(self) -> None:
        assert mistake_of({"price": {"of": "WETH", "source": FEED_FIELDS}})[0] == "not_one"


class TestBalance:
    def test_of_a_token_and_of_the_job_itself(self) -> None:
        assert condition({"balance": BALANCE}).reads() == (erc20.balance_of(_contract(), ACCOUNT),)
        assert verdict({"balance": BALANCE}, words(10 * 10**6)) is TRUE
        assert verdict({"balance": BALANCE}, words(10 * 10**6 + 1)) is FALSE
        assert judged({"balance": BALANCE}, None).code == "balance_unknown"

    def test_of_the_chains_own_coin_and_of_somebody_else(self) -> None:
        tree = {"balance": {"of": POOL_TEXT, "above": "1 ether"}}
        assert condition(tree).reads() == (erc20.native_balance(POOL),)
        assert judged(tree, words(2 * 10**18)).why.endswith("is 2 ether, the level is 1 ether")

    def test_two_tokens_are_no_level(self) -> None:
        assert mistake_of({"balance": {"below": "1 USDC", "rearm": "2 WETH"}})[0] == "two_tokens"


class TestHealth:
    def test_by_aaves_account_data(self) -> None:
        data = [10**12, 9 * 10**11, 0, 8250, 8000]
        assert verdict({"health_factor": HEALTH}, words(*data, 1_150_000_000_000_000_000)) is TRUE
        found = judged({"health_factor": HEALTH}, words(*data, 1_150_000_000_000_000_001))
        assert (found.verdict, found.code) == (FALSE, "health_not_below")

    def test_no_debt_is_healthy(self) -> None:
        found = judged({"health_factor": HEALTH}, words(10**12, 0, 0, 8250, 8000, UINT256_MAX))
        assert (found.verdict, found.facts) == (FALSE, {"the health factor": "that of no debt"})

    def test_an_oracle_that_is_dead_makes_it_unknown(self) -> None:
        found = judged({"health_factor": HEALTH}, None)
        assert (found.verdict, found.code) == (UNKNOWN, "health_unknown")

    def test_whose_loan_is_read(self) -> None:
        (mine,) = condition({"health_factor": HEALTH}).reads()
        (theirs,) = condition({"health_factor": {**HEALTH, "of": FEED_TEXT}}).reads()
        assert (mine.data[-20:], theirs.data[-20:]) == (ACCOUNT, FEED)
        assert mine.data[:4].hex() == "bf92857c"


class TestCall:
    def test_a_number_against_a_level(self) -> None:
        tree = {"call": {**ANSWER, "below": "-3"}}
        assert condition(tree).reads()[0].data[4:] == words(5)
        assert [verdict(tree, words(number)) for number in (-3, -2)] == [TRUE, FALSE]

    def test_any_word_against_a_value(self) -> None:
        mine, other = words(int.from_bytes(ACCOUNT)), words(7)
        assert [verdict({"call": {**OWNER, "is": "account"}}, said) for said in (mine, other)] == [
            TRUE,
            FALSE,
        ]
        assert [verdict({"call": {**OWNER, "is_not": "account"}}, said) for said in (mine, other)] == [
            FALSE,
            TRUE,
        ]

    def test_one_of_several_outputs(self) -> None:
        tree = {"call": {"to": POOL_TEXT, "function": "f()(string,bool)", "output": "1", "is": "true"}}
        assert verdict(tree, encode(["string", "bool"], ["long " * 20, True])) is TRUE

    @pytest.mark.parametrize("answer", [None, b"", bytes(31), words(2**256 - 1)])
    def test_what_does_not_answer_is_unknown(self, answer: bytes | None) -> None:
        found = judged({"call": {**OWNER, "is_not": "account"}}, answer)
        assert (found.verdict, found.code) == (UNKNOWN, "call_failed")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({}, "bad_call"),
            ({"below": "1", "above": "0"}, "bad_call"),
            ({"below": "x"}, "bad_call"),
            ({"is": "1", "rearm": "2"}, "bad_call"),
            ({"below": "1", "rearm": "1"}, "bad_rearm"),
            ({"below": "1", "output": "1"}, "bad_call"),
            ({"below": "1", "arguments": []}, "bad_call"),
            ({"below": "1", "arguments": ["-1"]}, "bad_call"),
            ({"below": "1", "function": "answer(uint256)"}, "bad_call"),
            ({"below": "1", "function": "answer"}, "bad_function"),
            ({"is": "0x00", "function": "answer(uint256)(bytes)"}, "bad_call"),
            ({"below": "1", "function": "answer(uint256)(bool)"}, "bad_call"),
        ],
    )
    def test_what_is_wrong_is_named(self, change: dict[str, Any], code: str) -> None:
        assert mistake_of({"call": {**ANSWER, **change}})[0] == code


@dataclass(frozen=True)
class AnEvent:
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


class TestEvent:
    fields = {  # noqa: RUF012 - nobody changes it
        "address": POOL_TEXT,
        "event": TRANSFER,
        "where": {"to": {"is": "account"}, "value": {"above": "100"}},
        "confirmations": "3",
    }

    def test_what_can_be_asked_of_the_node_is(self) -> None:
        trigger = when({"event": self.fields}).log_trigger(ACCOUNT)
        assert trigger is not None
        assert trigger.filter.topics == ((erc20.TRANSFER_EVENT,), None, (Hash32(erc20.word(ACCOUNT)),))
        assert (trigger.filter.address, trigger.filter.confirmations) == (POOL, 3)

    @pytest.mark.parametrize(
        ("to", "value", "address", "fires"),
        [
            (ACCOUNT, 100, POOL, True),
            (ACCOUNT, 99, POOL, False),
            (FEED, 100, POOL, False),
            (ACCOUNT, 100, FEED, False),
        ],
    )
    def test_its_values_decide(self, to: Address, value: int, address: Address, *, fires: bool) -> None:
        trigger = when({"event": self.fields}).log_trigger(ACCOUNT)
        assert trigger is not None
        topics = (Hash32(erc20.TRANSFER_EVENT), Hash32(bytes(32)), Hash32(erc20.word(to)))
        assert trigger.fires(AnEvent(address, topics, words(value))) is fires

    def test_a_condition_is_no_event_and_an_event_no_condition(self) -> None:
        assert when({"balance": BALANCE}).log_trigger(ACCOUNT) is None
        assert judged({"event": self.fields}).again.never

    @pytest.mark.parametrize(
        ("where", "code"),
        [
            ({"amount": {"is": "1"}}, "unknown_parameter"),
            ({"value": {}}, "bad_comparison"),
            ({"value": {"is": "x"}}, "bad_comparison"),
            ({"to": {"above": "1"}}, "bad_comparison"),
        ],
    )
    def test_what_is_wrong_is_named(self, where: dict[str, Any], code: str) -> None:
        assert mistake_of({"event": {**self.fields, "where": where}})[0] == code

    def test_it_stands_alone(self) -> None:
        assert mistake_of({"all": [{"event": self.fields}]})[0] == "extra_forbidden"
        assert mistake_of({"event": self.fields, "balance": BALANCE})[0] == "not_one"


class TestTree:
    def test_conditions_nest(self) -> None:
        tree = {
            "any": [{"not": {"balance": BALANCE}}, {"all": [{"price": PRICE}, {"health_factor": HEALTH}]}]
        }
        unhealthy = words(1, 1, 0, 0, 0, 10**18)
        assert verdict(tree, words(11 * 10**6), None, None) is TRUE
        assert verdict(tree, words(9 * 10**6), a_round(1700 * 10**8), unhealthy) is TRUE
        assert verdict(tree, words(9 * 10**6), None, unhealthy) is UNKNOWN
        assert verdict(tree, words(9 * 10**6), a_round(2000 * 10**8), None) is FALSE
        assert chosen_names(when(tree)) == ("balance", "price", "health_factor")

    def test_the_calendar_is_not_under_when(self) -> None:
        assert mistake_of({"cron": "0 9 * * *"}) == ("calendar_in_when", ())
        assert mistake_of({"all": [{"cron": "0 9 * * *"}]}) == ("calendar_in_when", ("all", 0))

    @pytest.mark.parametrize(
        ("tree", "code"),
        [
            ({}, "not_one"),
            ({"all": []}, "no_conditions"),
            ({"any": []}, "no_conditions"),
            ({"not": {}}, "not_one"),
            ({"block": {}}, "not_one"),
            ({"block": {"at": "1", "every": "5"}}, "not_one"),
            ({"block": {"every": "1"}}, "every_block"),
            ({"time": {}}, "not_one"),
            ({"time": {"after": "2026-01-01T00:00:00Z", "between": ["09:00", "10:00"]}}, "not_one"),
            ({"time": {"after": "2026-01-02T00:00:00Z", "before": "2026-01-01T00:00:00Z"}}, "never"),
            ({"time": {"after": "2026-01-01"}}, "bad_moment"),
            ({"time": {"after": "2026-02-30T00:00:00Z"}}, "bad_moment"),
            ({"time": {"between": ["9", "10:00"]}}, "bad_time"),
            ({"time": {"between": ["09:00", "10:00"], "zone": "Mars/Crater"}}, "bad_time_zone"),
            ({"health_factor": {**HEALTH, "below": "low"}}, "bad_factor"),
            ({"health_factor": {**HEALTH, "loan": {}}}, "not_one"),
        ],
    )
    def test_what_is_wrong_is_named(self, tree: dict[str, Any], code: str) -> None:
        assert mistake_of(tree)[0] == code

    def test_leaves_keep_apart_in_the_memory_and_equal_ones_share(self) -> None:
        low, lower = {**BALANCE, "below": "5 USDC"}, {**BALANCE, "below": "4 USDC"}
        tree = condition({"any": [{"balance": low}, {"balance": lower}, {"balance": low}]})
        (read,) = tree.reads()
        assert len(tree.judge(a_view({read: words(0)}), NO_MEMORY).memory) == 2

    def test_the_tree_of_an_account_is_made_once_and_is_no_part_of_the_file(self) -> None:
        one, other = when({"balance": BALANCE}), when({"balance": BALANCE})
        assert one.condition(ACCOUNT) is one.condition(ACCOUNT)
        assert one.condition(ACCOUNT) != one.condition(POOL)
        assert one == other
        assert one.model_dump_json() == other.model_dump_json()

    def test_equal_reads_of_two_jobs_are_equal(self) -> None:
        (one,), (other,) = (
            condition({"price": {**PRICE, "below": level}}).reads() for level in ("1 USDC", "2 USDC")
        )
        assert isinstance(one, Read)
        assert one == other


def _contract() -> Address:
    assert USDC.address is not None
    return USDC.address
