from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.evaluation import (
    Act,
    ChainView,
    Delivered,
    Evaluation,
    NotDelivered,
    Read,
    Skip,
    Stop,
    Wait,
)
from agent.domain.states import State
from agent.domain.token import Token
from agent.domain.units import UINT256_MAX, Address, ChainId, Hash32, Timestamp
from agent.domain.watching import NO_MEMORY, Firings, Glance, Spend
from jobs import KINDS, erc20
from jobs.top_up import ACTIONS_PER_DAY, APPROVAL_EVENT, DEPOSITED_EVENT, MOVED_IN_ALL, MOVED_PER_DAY, TOP_UP
from jobs.top_up_spec import ENTRY_POINT, Keep, TopUpSpec
from tests.builders import ACCOUNT, CHAIN_ID, NOW, PAYEE, an_occurrence
from tests.unit.jobs.top_ups import BELOW, ETHER, EVERY_FORM, TO, USDC, a_top_up

DAY_S = 86_400
PLENTY = 10**30
forms = pytest.mark.parametrize("spec", EVERY_FORM.values(), ids=EVERY_FORM.keys())


def a_view(
    spec: TopUpSpec, level: int | None, funds: int | None = PLENTY, left: Mapping[str, int] | None = None
) -> ChainView:
    answers: dict[Read, bytes | None] = {}
    for read, value in zip(TOP_UP.reads(spec, ACCOUNT), (level, funds), strict=False):
        answers[read] = None if value is None else erc20.word(value)
    return ChainView(ChainId(CHAIN_ID), 100, NOW, answers, left or {})


def evaluate(spec: TopUpSpec, level: int | None, **facts: object) -> Evaluation:
    return TOP_UP.evaluate(spec, a_view(spec, level, **facts), an_occurrence())  # type: ignore[arg-type]


def glance(spec: TopUpSpec, level: int | None, past: Firings | None = None) -> Glance:
    return TOP_UP.watch(spec, ACCOUNT, a_view(spec, level), NO_MEMORY, past or Firings())


def test_the_agent_ships_the_kind() -> None:
    assert KINDS["top_up"] is TOP_UP


@forms
@pytest.mark.parametrize(("level", "fires"), [(0, True), (BELOW - 1, True), (BELOW, False), (TO, False)])
def test_fires_below_the_level_and_only_there(spec: TopUpSpec, level: int, fires: bool) -> None:  # noqa: FBT001
    seen = glance(spec, level)
    assert seen.fires is fires
    assert seen.again.on_change
    assert isinstance(evaluate(spec, level), Act) is fires


@forms
def test_level_that_cannot_be_read_is_told_and_never_fires(spec: TopUpSpec) -> None:
    seen = glance(spec, None)
    assert (seen.fires, seen.alarm, seen.code) == (False, True, "level_unknown")
    decided = evaluate(spec, None)
    assert isinstance(decided, Wait)
    assert (decided.code, decided.until) == ("level_unknown", NOW + spec.recheck)


def test_it_rests_after_an_action_and_then_goes_on() -> None:
    spec = a_top_up()
    ended = Firings(count=1, last_ended_at=Timestamp(NOW - 599), last_state=State.FAILED)
    resting = glance(spec, 0, ended)
    assert (resting.fires, resting.code, resting.again.at_time) == (False, "cooling_down", NOW + 1)
    rested = glance(spec, 0, replace(ended, last_ended_at=Timestamp(NOW - 600)))
    # An action that failed leaves the level where it is: no answer changes, and it is looked at again.
    assert (rested.fires, rested.again.at_block) == (True, 101)


def test_a_level_that_came_back_by_itself_is_left_alone() -> None:
    decided = evaluate(a_top_up(), BELOW)
    assert isinstance(decided, Skip)
    assert decided.code == "level_kept"


@pytest.mark.parametrize(
    ("spec", "target", "value", "data"),
    [
        (EVERY_FORM["coin"], PAYEE, 190, b""),
        (
            EVERY_FORM["token"],
            USDC.address,
            0,
            bytes.fromhex("a9059cbb") + erc20.word(PAYEE) + erc20.word(190),
        ),
        (
            EVERY_FORM["deposit"],
            Address.parse(ENTRY_POINT),
            190,
            bytes.fromhex("b760faf9") + erc20.word(PAYEE),
        ),
        (EVERY_FORM["coin, a part at a time"], PAYEE, 100, b""),
    ],
    ids=["coin", "token", "deposit", "part"],
)
def test_it_moves_what_is_missing(spec: TopUpSpec, target: Address, value: int, data: bytes) -> None:
    decided = evaluate(spec, 10)
    assert isinstance(decided, Act)
    (call,) = decided.calls
    assert (call.target, call.value_wei, call.data) == (target, value, data)


def test_an_allowance_is_taken_back_and_set() -> None:
    decided = evaluate(EVERY_FORM["allowance"], 10)
    assert isinstance(decided, Act)
    assert [call.data[:4].hex() for call in decided.calls] == ["095ea7b3"] * 2
    assert [int.from_bytes(call.data[36:], "big") for call in decided.calls] == [0, TO]


@forms
@given(level=st.integers(0, UINT256_MAX), funds=st.integers(0, UINT256_MAX))
def test_no_action_goes_beyond_the_level_or_the_declared_calls(
    spec: TopUpSpec, level: int, funds: int
) -> None:
    decided = evaluate(spec, level, funds=funds)
    if isinstance(decided, Act):
        assert any(shape.includes(decided.calls) for shape in TOP_UP.possible_operations(spec, ACCOUNT, 1))
        if spec.keep is not Keep.ALLOWANCE:
            assert level + int(decided.intent["amount"]) <= TO
            assert int(decided.intent["amount"]) <= funds


@pytest.mark.parametrize("token", [ETHER, USDC])
def test_a_short_account_waits(token: Token) -> None:
    decided = evaluate(a_top_up(token=token), 10, funds=189)
    assert isinstance(decided, Wait)
    assert decided.code == "insufficient_balance"
    assert isinstance(evaluate(a_top_up(token=token), 10, funds=None), Wait)


def test_what_is_left_of_the_day_decides() -> None:
    spec = a_top_up(per_day=300, actions_per_day=2)
    decided = evaluate(spec, 10, left={MOVED_PER_DAY: 190, ACTIONS_PER_DAY: 1})
    assert isinstance(decided, Act)
    assert decided.spends == (Spend(MOVED_PER_DAY, 190), Spend(ACTIONS_PER_DAY, 1))
    for left in ({MOVED_PER_DAY: 189, ACTIONS_PER_DAY: 1}, {MOVED_PER_DAY: 300, ACTIONS_PER_DAY: 0}):
        waits = evaluate(spec, 10, left=left)
        assert isinstance(waits, Wait)
        assert (waits.code, waits.until % DAY_S, waits.until > NOW) == ("day_cap_reached", 0, True)


def test_a_used_up_total_stops_the_job() -> None:
    decided = evaluate(a_top_up(total=300), 10, left={MOVED_IN_ALL: 189})
    assert isinstance(decided, Stop)
    assert decided.code == "total_reached"


def test_caps_are_those_of_the_file() -> None:
    assert TOP_UP.caps(a_top_up()) == ()
    caps = {cap.name: cap for cap in TOP_UP.caps(a_top_up(per_day=300, total=900, actions_per_day=4))}
    assert (caps[MOVED_PER_DAY].limit, caps[MOVED_PER_DAY].per_day) == (300, True)
    assert (caps[MOVED_IN_ALL].limit, caps[MOVED_IN_ALL].per_day) == (900, False)
    assert (caps[ACTIONS_PER_DAY].limit, caps[ACTIONS_PER_DAY].per_day) == (4, True)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (a_top_up(of=ACCOUNT), "of"),
        (a_top_up(token=USDC, of=USDC.address), "of"),
        (a_top_up(Keep.DEPOSIT, USDC), "to"),
        (a_top_up(Keep.ALLOWANCE), "to"),
        (a_top_up(below=TO), "below"),
        (a_top_up(below=a_top_up(token=USDC).below), "below"),
        (a_top_up(Keep.ALLOWANCE, USDC, most=10), "most"),
        (a_top_up(per_day=199), "per_day"),
        (a_top_up(total=199), "total"),
        (a_top_up(actions_per_day=0), "actions_per_day"),
        (a_top_up(recheck=59), "recheck"),
    ],
)
def test_what_does_not_fit_together_is_named(spec: TopUpSpec, field: str) -> None:
    assert field in TOP_UP.objections(spec, ACCOUNT)


@forms
def test_sound_specs_meet_no_objection(spec: TopUpSpec) -> None:
    assert TOP_UP.objections(spec, ACCOUNT) == {}


def test_an_account_may_keep_its_own_deposit() -> None:
    assert TOP_UP.objections(a_top_up(Keep.DEPOSIT, of=ACCOUNT), ACCOUNT) == {}


@dataclass(frozen=True)
class Log:
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes = b""


def a_log(contract: Address | None, *topics: bytes) -> Log:
    assert contract is not None
    return Log(contract, tuple(Hash32(topic) for topic in topics))


def test_logs_show_what_was_done() -> None:
    parties = erc20.word(ACCOUNT), erc20.word(PAYEE)
    cases = {
        "token": replace(a_log(USDC.address, erc20.TRANSFER_EVENT, *parties), data=erc20.word(1)),
        "allowance": a_log(USDC.address, APPROVAL_EVENT, *parties),
        "deposit": a_log(Address.parse(ENTRY_POINT), DEPOSITED_EVENT, erc20.word(PAYEE)),
    }
    for name, log in cases.items():
        assert TOP_UP.confirm(EVERY_FORM[name], ACCOUNT, [log]) == Delivered()
        elsewhere = replace(log, address=PAYEE)
        assert isinstance(TOP_UP.confirm(EVERY_FORM[name], ACCOUNT, [elsewhere]), NotDelivered)
    assert TOP_UP.confirm(EVERY_FORM["coin"], ACCOUNT, []) == Delivered()


@pytest.mark.parametrize(
    ("moved", "code"), [((0,), "no_transfer"), ((101,), "too_much_moved"), ((60, 41), "too_much_moved")]
)
def test_no_more_than_one_action_moves_went_there(moved: tuple[int, ...], code: str) -> None:
    parties = erc20.word(ACCOUNT), erc20.word(PAYEE)
    sent = a_log(USDC.address, erc20.TRANSFER_EVENT, *parties)
    spec = EVERY_FORM["token, a part at a time"]
    found = TOP_UP.confirm(spec, ACCOUNT, [replace(sent, data=erc20.word(units)) for units in moved])
    assert isinstance(found, NotDelivered)
    assert found.code == code
    assert TOP_UP.confirm(spec, ACCOUNT, [replace(sent, data=erc20.word(100))]) == Delivered()


def test_the_level_afterwards_is_checked_unless_one_action_may_not_reach_it() -> None:
    whole, part = EVERY_FORM["coin"], EVERY_FORM["coin, a part at a time"]
    assert TOP_UP.outcome(whole, ACCOUNT, a_view(whole, BELOW)) == Delivered()
    for level, code in ((BELOW - 1, "still_low"), (None, "level_unknown")):
        found = TOP_UP.outcome(whole, ACCOUNT, a_view(whole, level))
        assert isinstance(found, NotDelivered)
        assert found.code == code
    assert TOP_UP.outcome(part, ACCOUNT, a_view(part, 1)) == Delivered()
    assert TOP_UP.outcome_reads(part, ACCOUNT) == ()
