from dataclasses import replace

import pytest

from agent.commands.session_derive import derived_session
from agent.commands.session_need import (
    DEVNET_MARGIN_S,
    ESTIMATE_GAS,
    GAS_PER_OPERATION,
    SETTLE_MARGIN_S,
    SessionNeed,
    UnfitSession,
    Wish,
    session_need,
)
from agent.definitions.drafts import Draft
from agent.domain.job import SELF, FeeCaps, JobDefinition, Place
from agent.domain.recurrence import Interval
from agent.domain.schedule import Retry, Schedule
from agent.domain.token import Token, TokenAmount
from agent.domain.units import UINT256_MAX, Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.guards import guarded_actions, operation_guards
from agent.smart_sessions.policies.uni_action import Condition
from jobs import KINDS
from jobs.subscription import SubscriptionSpec

ACCOUNT = Address(b"\x0a" * 20)
PAYEE = Address(b"\x0b" * 20)
KEY = Address(b"\x0c" * 20)
USDC = Token("USDC", Address(b"\x70" * 20), 6)
ETHER = Token("ether", None, 18)
DAY_S = 86_400
START = Timestamp(1_800_000_000)
SALT = Hash32(b"\x05" * 32)
THREE_DAYS = Schedule(Interval(START, DAY_S), start=START, count=3)
ALL = Wish()
ENDLESS = Schedule(Interval(START, DAY_S))


def a_job(
    job_id: str = "rent",
    *,
    schedule: Schedule | None = THREE_DAYS,
    amount: int = 12_000_000,
    token: Token = USDC,
    payee: Address = PAYEE,
    retries: tuple[int, ...] = (3_600,),
    max_gas: int | None = None,
    max_cost_wei: int | None = 10**15,
) -> JobDefinition:
    return JobDefinition(
        id=job_id,
        kind="subscription",
        chain_id=ChainId(8453),
        account=ACCOUNT,
        account_kind="nexus",
        session="main",
        schedule=schedule,
        spec=SubscriptionSpec.model_construct(amount=TokenAmount(token, amount), payee=payee, recheck=3_600),
        identity_digest=Hash32(bytes(32)),
        digest=Hash32(bytes(32)),
        place=Place("jobs/rent.yaml"),
        fees=FeeCaps(
            max_gas=None if max_gas is None else Gas(max_gas),
            max_cost_wei=None if max_cost_wei is None else Wei(max_cost_wei),
        ),
        retry=Retry(retries, DAY_S),
    )


def a_draft(*jobs: JobDefinition, chain_id: int = 8453) -> Draft:
    return Draft("main", ChainId(chain_id), ACCOUNT, "nexus", jobs or (a_job(),))


def need_of(draft: Draft, wish: Wish = ALL, now: int = START - 1, wall_now: int = START - 1) -> SessionNeed:
    return session_need(draft, KINDS, wish, Timestamp(now), Timestamp(wall_now))


def test_each_period_and_each_spare_operation_is_allowed_once() -> None:
    need = need_of(a_draft(a_job(retries=(3_600, 7_200))))
    assert need.operations == 3 + 2 + 1
    assert need.actions[0].token_total == 6 * 12_000_000


def test_declared_headroom_replaces_the_retry_ladder_s() -> None:
    assert need_of(a_draft(), Wish(headroom=0)).operations == 3


def test_session_ends_a_day_after_the_last_period_s_grace() -> None:
    assert need_of(a_draft()).until == START + 2 * DAY_S + DAY_S + SETTLE_MARGIN_S


def test_a_paymaster_is_permitted_only_where_a_job_may_be_paid_by_one() -> None:
    sponsored = replace(a_job(), pay_gas_by=("sponsor", SELF))
    assert (need_of(a_draft()).paymaster, need_of(a_draft(sponsored)).paymaster) == (False, True)
    for need in (need_of(a_draft()), need_of(a_draft(sponsored))):
        session = derived_session(need, ACCOUNT, Hash32(bytes(32)))
        assert session.permit_erc4337_paymaster is need.paymaster


def test_past_periods_are_not_paid_for_again() -> None:
    assert need_of(a_draft(), Wish(headroom=0), now=START + 2 * DAY_S - 5).operations == 2


def test_local_chain_s_session_outlives_the_wall_clock() -> None:
    wall = START + 400 * DAY_S
    assert need_of(a_draft(chain_id=31_337), wall_now=wall).until == wall + DEVNET_MARGIN_S


def test_gas_follows_the_job_s_caps() -> None:
    need = need_of(a_draft(a_job(max_gas=700_000, max_cost_wei=10**14)), Wish(headroom=1))
    assert (need.gas, need.cost_wei) == (ESTIMATE_GAS + 4 * 700_000, 4 * 10**14)
    assert need_of(a_draft(), Wish(headroom=0)).gas == 3 * GAS_PER_OPERATION + ESTIMATE_GAS


def test_jobs_that_pay_the_same_share_one_action() -> None:
    need = need_of(a_draft(a_job("one"), a_job("two")), Wish(headroom=0))
    assert need.operations == 6
    assert [action.token_total for action in need.actions] == [6 * 12_000_000]


@pytest.mark.parametrize(
    ("draft", "wish", "reason"),
    [
        (a_draft(a_job(schedule=ENDLESS)), Wish(), "never ends"),
        (a_draft(a_job(schedule=None)), Wish(), "--uses"),
        (a_draft(a_job(max_cost_wei=None)), Wish(), "no cap on the cost"),
        (a_draft(a_job("one"), a_job("two", payee=KEY)), Wish(), "differ in amount or payee"),
        (a_draft(a_job("one"), a_job("two", amount=1)), Wish(), "differ in amount or payee"),
    ],
)
def test_what_has_no_least_session_is_refused(draft: Draft, wish: Wish, reason: str) -> None:
    with pytest.raises(UnfitSession, match=reason):
        need_of(draft, wish)


def test_ended_schedule_is_refused() -> None:
    with pytest.raises(UnfitSession, match="no period left"):
        need_of(a_draft(), now=START + 100 * DAY_S)


def test_endless_schedule_takes_the_periods_the_operator_names() -> None:
    assert need_of(a_draft(a_job(schedule=ENDLESS)), Wish(periods=4, headroom=0)).operations == 4


def test_token_session_pins_recipient_amount_and_total() -> None:
    session = derived_session(need_of(a_draft(), Wish(headroom=0)), KEY, SALT)
    (action,) = guarded_actions(session)
    spending, rules = action.guards.spending, action.guards.rules
    assert (action.target, action.selector.hex()) == (USDC.address, "a9059cbb")
    assert spending is not None
    assert [(item.token, item.limit) for item in spending.limits] == [(USDC.address, 36_000_000)]
    assert rules is not None
    assert rules.value_limit_per_use_wei == 0
    assert [(rule.condition, rule.offset, rule.reference) for rule in rules.rules] == [
        (Condition.EQUAL, 0, bytes(12) + PAYEE),
        (Condition.LESS_OR_EQUAL, 32, (12_000_000).to_bytes(32, "big")),
    ]


def test_native_session_pins_payee_total_and_count() -> None:
    draft = a_draft(a_job(token=ETHER, amount=5 * 10**16))
    session = derived_session(need_of(draft, Wish(headroom=1)), KEY, SALT)
    (action,) = guarded_actions(session)
    assert (action.target, action.selector) == (PAYEE, NATIVE_TRANSFER_SELECTOR)
    assert action.guards.value is not None
    assert action.guards.value.limit_wei == 4 * 5 * 10**16
    assert action.guards.usage is not None
    assert action.guards.usage.limit == 4


def test_every_operation_is_limited_in_time_number_and_gas() -> None:
    need = need_of(a_draft())
    session = derived_session(need, KEY, SALT)
    every = operation_guards(session)
    assert every.frame is not None
    assert every.frame.valid_until == need.until
    assert every.usage is not None
    assert every.usage.limit == need.operations
    assert every.gas is not None
    assert (every.gas.gas_limit, every.gas.cost_limit_wei) == (need.gas, need.cost_wei)
    assert not session.permit_erc4337_paymaster
    assert session.salt == SALT


def test_amounts_beyond_the_counters_are_refused() -> None:
    need = need_of(a_draft())
    huge = replace(need, actions=(replace(need.actions[0], token_total=UINT256_MAX + 1),))
    with pytest.raises(UnfitSession, match="do not fit"):
        derived_session(huge, KEY, SALT)
