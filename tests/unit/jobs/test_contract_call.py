from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.definitions.drafts import read_drafts
from agent.definitions.loader import load
from agent.definitions.mistakes import DefinitionError
from agent.domain.evaluation import Act, Delivered, Evaluation, NotDelivered, Skip, Stop, Wait
from agent.domain.keccak import keccak256
from agent.domain.requirement import Comparison
from agent.domain.units import Address, Hash32, Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Spend
from jobs import erc20
from jobs.conformance import Sample
from jobs.conformance.sample import ACCOUNT, NOW
from jobs.contract_call import CALLS_IN_ALL, CALLS_PER_DAY, CONTRACT_CALL, VALUE_PER_DAY
from jobs.contract_call_spec import ContractCallSpec
from tests.builders import PAYEE
from tests.unit.definitions.files import CONFIG, ENVIRONMENT, write_files
from tests.unit.jobs.samples import ARGUMENTS, CALL, ETHER, SAMPLES, USDC

ALL = SAMPLES["call with coin on a balance"]
DAY_S = 86_400


def a_spec(sample: Sample = ALL, /, **fields: object) -> ContractCallSpec:
    spec = Sample(CONTRACT_CALL, {**sample.spec, **fields}, acts_on=()).read_spec()
    assert isinstance(spec, ContractCallSpec)
    return spec


def plain(**fields: object) -> ContractCallSpec:
    return a_spec(SAMPLES["call by schedule"], **fields)


def evaluate(
    spec: ContractCallSpec, held: int | None = None, left: Mapping[str, int] | None = None
) -> Evaluation:
    reads = CONTRACT_CALL.reads(spec, ACCOUNT)
    view = ALL.view(reads, [held] * len(reads))
    asked = type(view)(view.chain_id, view.block_number, view.timestamp, view.values, left or {})
    return CONTRACT_CALL.evaluate(spec, asked, ALL.occurrence())


def test_call_data_is_that_of_the_function_and_its_arguments() -> None:
    decided = evaluate(plain())
    assert isinstance(decided, Act)
    (call,) = decided.calls
    selector = keccak256(b"poke(uint256,address)")[:4]
    assert call.data == selector + erc20.word(7) + erc20.word(ACCOUNT)
    assert (str(call.target), call.value_wei) == (CALL["to"], 0)


def test_a_call_of_which_the_chain_alone_knows_spends_what_a_call_spends() -> None:
    spec = plain(times="3", per_day="2", value="1 ether", value_per_day="2 ether")
    decided = evaluate(spec, held=10 * ETHER)
    assert isinstance(decided, Act)
    assert {spend.cap for spend in decided.spends} == {CALLS_IN_ALL, CALLS_PER_DAY, VALUE_PER_DAY}
    assert CONTRACT_CALL.slot_spends(spec) == decided.spends


def test_every_word_is_pinned() -> None:
    (need,) = CONTRACT_CALL.requirements(plain(), ACCOUNT, 5)
    assert [(rule.offset, rule.comparison) for rule in need.rules] == [
        (0, Comparison.EQUAL),
        (32, Comparison.EQUAL),
    ]
    assert (need.uses, need.token) == (5, None)


def test_what_moves_tokens_is_counted_as_tokens() -> None:
    (need,) = CONTRACT_CALL.requirements(a_spec(SAMPLES["call of a token"]), ACCOUNT, 5)
    assert (need.token, need.token_total) == (USDC.address, 25)


def test_condition_is_looked_at_again_before_the_call() -> None:
    spec = a_spec()
    assert isinstance(evaluate(spec, 2 * ETHER), Act)
    refused = evaluate(spec, 2 * ETHER - 1)
    assert isinstance(refused, Skip)
    unknown = evaluate(spec, None)
    assert isinstance(unknown, Wait)
    assert unknown.until == NOW + 900


@pytest.mark.parametrize("place", ["when", "only_if"])
def test_a_feed_that_is_not_what_the_file_says_makes_no_call(place: str) -> None:
    feed = {"feed": str(PAYEE), "decimals": "8", "max_age": "1h"}
    price = {"of": "USDC", "above": "1 ether", "source": {"chainlink": feed}}
    fields = {**SAMPLES["call by schedule"].spec, place: {"price": price}}
    spec = Sample(CONTRACT_CALL, fields, acts_on=(), tokens={"USDC": USDC}).read_spec()
    assert isinstance(spec, ContractCallSpec)
    read = next(read for read in CONTRACT_CALL.reads(spec, ACCOUNT) if read.name == "decimals")
    others = dict.fromkeys(CONTRACT_CALL.reads(spec, ACCOUNT))
    for told in (18, None):
        values = {**others, read: None if told is None else erc20.word(told)}
        view = replace(ALL.view((), ()), values=values)
        decided = CONTRACT_CALL.evaluate(spec, view, ALL.occurrence())
        assert isinstance(decided, Wait)
        assert decided.code == "contract_differs"
    right = replace(ALL.view((), ()), values={**others, read: erc20.word(8)})
    decided = CONTRACT_CALL.evaluate(spec, right, ALL.occurrence())
    assert isinstance(decided, Act if place == "when" else Wait)


def test_coin_that_is_not_there_waits() -> None:
    spec = plain(value="0.01 ether")
    decided = evaluate(spec, ETHER // 1000)
    assert isinstance(decided, Wait)
    assert decided.code == "insufficient_balance"


@pytest.mark.parametrize(
    ("left", "kind", "code"),
    [
        ({CALLS_IN_ALL: 0}, Stop, "all_made"),
        ({CALLS_PER_DAY: 0}, Wait, "day_cap_reached"),
        ({VALUE_PER_DAY: ETHER // 100 - 1}, Wait, "day_cap_reached"),
    ],
)
def test_caps_hold(left: Mapping[str, int], kind: type, code: str) -> None:
    decided = evaluate(a_spec(), 2 * ETHER, left)
    assert isinstance(decided, kind)
    assert not isinstance(decided, Act)
    assert getattr(decided, "code", None) == code
    acts = evaluate(a_spec(), 2 * ETHER)
    assert isinstance(acts, Act)
    assert acts.spends == (
        Spend(CALLS_IN_ALL, 1),
        Spend(CALLS_PER_DAY, 1),
        Spend(VALUE_PER_DAY, ETHER // 100),
    )


def test_it_fires_once_each_time_the_condition_comes_true() -> None:
    spec, memory, fired = a_spec(), NO_MEMORY, []
    for step, held in enumerate((2, 0, 0, 2, 0)):
        view = ALL.view(CONTRACT_CALL.watch_reads(spec, ACCOUNT), [held * ETHER], step)
        seen = CONTRACT_CALL.watch(spec, ACCOUNT, view, memory, Firings())
        memory = seen.memory
        fired.append(seen.fires)
    assert fired == [False, True, False, False, True]


def test_with_repeat_it_fires_as_long_as_it_is_true_and_rests_in_between() -> None:
    spec = a_spec(repeat="true")
    view = ALL.view(CONTRACT_CALL.watch_reads(spec, ACCOUNT), [0])
    for ended, fires in ((None, True), (NOW - 599, False), (NOW - 600, True)):
        past = Firings(last_ended_at=None if ended is None else Timestamp(ended))
        seen = CONTRACT_CALL.watch(spec, ACCOUNT, view, {"fired": 1}, past)
        assert seen.fires is fires
        assert fires or seen.again.at_time == NOW + 1


def test_a_firing_that_rests_stays_armed() -> None:
    spec = a_spec()
    view = ALL.view(CONTRACT_CALL.watch_reads(spec, ACCOUNT), [0])
    resting = CONTRACT_CALL.watch(spec, ACCOUNT, view, NO_MEMORY, Firings(last_ended_at=NOW))
    assert (resting.fires, resting.memory) == (False, NO_MEMORY)
    rested = CONTRACT_CALL.watch(spec, ACCOUNT, view, resting.memory, Firings())
    assert rested.fires


def test_nothing_fires_after_its_end_or_its_last_call() -> None:
    spec = a_spec(until="2020-01-01T00:00:00Z")
    view = ALL.view(CONTRACT_CALL.watch_reads(spec, ACCOUNT), [0])
    assert CONTRACT_CALL.watch(spec, ACCOUNT, view, NO_MEMORY, Firings()).again.never
    made = CONTRACT_CALL.watch(a_spec(), ACCOUNT, view, NO_MEMORY, Firings(succeeded=3))
    assert (made.fires, made.code, made.again.never) == (False, "all_made", True)


@dataclass(frozen=True)
class Log:
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes = b""


def test_an_event_fires_it() -> None:
    spec = a_spec(SAMPLES["call on an event"])
    topic = Hash32(keccak256(b"Due(uint256)"))
    (asked,) = CONTRACT_CALL.log_filters(spec, ACCOUNT)
    assert asked.topics == ((topic,),)
    due = Log(Address.parse(CALL["to"]), (topic, Hash32(erc20.word(3))))
    assert CONTRACT_CALL.log_fires(spec, ACCOUNT, due)
    assert not CONTRACT_CALL.log_fires(spec, ACCOUNT, Log(PAYEE, due.topics))
    assert not CONTRACT_CALL.log_fires(a_spec(), ACCOUNT, due)


@pytest.mark.parametrize(
    ("answer", "code"), [(1, None), (0, "not_as_expected"), (None, "expectation_unknown")]
)
def test_the_chain_is_asked_afterwards(answer: int | None, code: str | None) -> None:
    spec = a_spec()
    view = ALL.view(CONTRACT_CALL.outcome_reads(spec, ACCOUNT), [answer])
    found = CONTRACT_CALL.outcome(spec, ACCOUNT, view)
    assert found == Delivered() if code is None else isinstance(found, NotDelivered) and found.code == code


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"to": str(ACCOUNT)}, "to"),
        ({"function": "poke(uint256[17])", "arguments": [["1"] * 17]}, "arguments"),
        ({"times": "0"}, "times"),
        ({"value_per_day": "0.001 ether"}, "value_per_day"),
        ({"recheck": "1s"}, "recheck"),
        ({"only_if": {"any": [{"balance": {"above": "2 ether", "confirmations": "2"}}]}}, "only_if"),
        (
            {
                "expect": {
                    **CALL,
                    **ARGUMENTS,
                    "function": "f(uint256,address)(bool)",
                    "is": "true",
                    "confirmations": "2",
                }
            },
            "expect",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(fields: Mapping[str, object], name: str) -> None:
    assert name in CONTRACT_CALL.objections(a_spec(ALL, **fields), ACCOUNT)
    assert CONTRACT_CALL.objections(a_spec(), ACCOUNT) == {}


JOB = """\
id: poke
kind: contract_call
chain: 31337
account: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
session: poke
{schedule}
spec:
  to: "0x6666666666666666666666666666666666666666"
  function: "poke({types})"
  arguments: [{arguments}]
{when}
"""
SCHEDULE = 'schedule: {interval: 1h, anchor: "2026-01-01T00:00:00Z"}'
WHEN = '  when: {balance: {below: "1 ether"}}'


@pytest.mark.parametrize(
    ("schedule", "when", "types", "code"),
    [
        (SCHEDULE, "", "uint256", None),
        ("", WHEN, "uint256", None),
        (SCHEDULE, WHEN, "uint256", "two_timings"),
        ("", "", "uint256", "never_due"),
        (SCHEDULE, "", "uint256,bool", "bad_call"),
        (SCHEDULE, "", "uint257", "bad_function"),
        (SCHEDULE, "", "bool", "bad_call"),
    ],
)
def test_file_says_when_it_is_due_and_what_is_called(
    tmp_path: Path, schedule: str, when: str, types: str, code: str | None
) -> None:
    text = JOB.format(schedule=schedule, when=when, types=types, arguments="5")
    files = {"sessionkeeper.yaml": CONFIG, "jobs/rent.yaml": None, "jobs/poke.yaml": text}
    folder = write_files(tmp_path, {**files, "sessions/alice.yaml": None})
    definitions = load(folder, ENVIRONMENT, with_jobs=False)
    if code is None:
        (draft,) = read_drafts(definitions, "poke.yaml", "nexus")
        assert draft.jobs[0].kind == "contract_call"
        return
    with pytest.raises(DefinitionError) as refused:
        read_drafts(definitions, "poke.yaml", "nexus")
    assert [item.code for item in refused.value.mistakes] == [code]
