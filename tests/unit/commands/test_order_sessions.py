"""Sessions of orders: they let the order be made, and whoever has the key nothing else."""

from dataclasses import replace

import pytest

from agent.commands.session_cover import coverage_of_file
from agent.commands.session_grant import grant_of
from agent.commands.session_need import Wish
from agent.commands.session_new import NewSession
from agent.definitions.records import Definitions
from agent.domain.call import Call
from agent.domain.job import JobDefinition
from agent.domain.session import ActionData, PolicyData
from agent.domain.units import Address, Gas, Timestamp, Wei
from agent.smart_sessions.cover import Demand
from agent.smart_sessions.cover.ask import ask
from agent.smart_sessions.grant import as_granted
from agent.smart_sessions.guards import guarded_actions
from agent.smart_sessions.harmless import harmless_calls
from agent.smart_sessions.lint import Subject, lint
from agent.smart_sessions.pinned_swaps import pinned_swap
from agent.smart_sessions.policies import arg, uni_action
from agent.smart_sessions.worst_case import worst_case
from jobs import erc20
from jobs.limit_order import LIMIT_ORDER, LimitOrderSpec
from jobs.stop_loss import STOP_LOSS, StopLossSpec
from jobs.swaps.spec import SwapSpec
from jobs.uniswap.swap_call import Trade
from tests.unit.commands.test_session_need import ACCOUNT, START, a_draft, a_job
from tests.unit.commands.test_session_sound import definitions, made, sound  # noqa: F401 - a fixture
from tests.unit.jobs.swaps.orders import CHAINLINK, ETHER, QUOTER, ROUTER, V3, WETH_AT, an_order

UNTIL = Wish(until=Timestamp(START + 86_400))
THIEF = Address(b"\x66" * 20)
DAI = str(Address(b"\x67" * 20))
LIMIT = {"limit": "1950 USDC per WETH"}
PATH = {**V3, "fees": ["500", "100"], "via": [DAI]}
LONG = {**V3, "fees": ["500", "100", "100", "100"], "via": [DAI, str(Address(b"\x68" * 20)), DAI]}
VENUES = {
    "v2": {"router": "v2", "address": str(ROUTER)},
    "v2 with fees": {"router": "v2", "address": str(ROUTER), "sell_token_fee_bps": "100"},
    "v2 path": {"router": "v2", "address": str(ROUTER), "via": [DAI]},
    "v3": V3,
    "v3 path": PATH,
    "v3_02": {**V3, "router": "v3_02"},
    "v3_02 path": {**PATH, "router": "v3_02"},
    "universal_v3": {**V3, "router": "universal_v3"},
    "universal_v3 path": {**PATH, "router": "universal_v3"},
    "universal_v3 long": {**LONG, "router": "universal_v3"},
    "universal_v2": {"router": "universal_v2", "address": str(ROUTER), "quoter": str(QUOTER)},
}
ORDERS: dict[str, tuple[str, SwapSpec]] = {
    **{
        f"limit {name}": ("limit_order", an_order(LimitOrderSpec, venue=venue, **LIMIT))
        for name, venue in VENUES.items()
    },
    "limit in parts": (
        "limit_order",
        an_order(LimitOrderSpec, **LIMIT, partial_fill={"least": "0.1 WETH", "fills": "4"}),
    ),
    "limit with an end": (
        "limit_order",
        an_order(LimitOrderSpec, **LIMIT, good_till="2027-01-16T00:00:00Z"),
    ),
    "stop without a floor": (
        "stop_loss",
        an_order(StopLossSpec, stop="1800 USDC per WETH", price=CHAINLINK),
    ),
    "stop and take": (
        "stop_loss",
        an_order(
            StopLossSpec,
            stop="1800 USDC per WETH",
            take_profit="2500 USDC per WETH",
            price=CHAINLINK,
            minimum="3000 USDC",
        ),
    ),
}
orders = pytest.mark.parametrize("name", ORDERS)
venues = pytest.mark.parametrize("name", VENUES)


def a_sale(name: str) -> JobDefinition:
    kind, spec = ORDERS[name]
    return replace(a_job("sale"), kind=kind, schedule=None, spec=spec)


def session_of(definitions: Definitions, name: str) -> NewSession:  # noqa: F811
    return made(definitions, a_draft(a_sale(name)), UNTIL)


def allows(new: NewSession, *calls: Call) -> bool:
    grant = grant_of(new.definition)
    demand = Demand((), (), Gas(1_000_000), Wei(10**14))
    return not ask(grant, as_granted(grant).state, demand, calls).refused


@orders
def test_session_made_for_it_covers_it_and_is_fit(definitions: Definitions, name: str) -> None:  # noqa: F811
    draft = a_draft(a_sale(name))
    new = session_of(definitions, name)
    sound(definitions, draft, new, UNTIL)
    assert coverage_of_file(new.definition, draft.jobs, definitions.kinds, START).is_covered


@orders
def test_nothing_it_allows_is_without_a_bound(definitions: Definitions, name: str) -> None:  # noqa: F811
    worst = worst_case(session_of(definitions, name).definition.session)
    assert worst.unbounded == ()
    assert worst.is_bounded
    # Two spare operations may try the whole anew. Every part may be as large as the whole, which nothing but
    # the approvals adds up: an older allowance would let more go.
    assert worst.totals[WETH_AT] == (6 if name == "limit in parts" else 3) * 2 * ETHER
    assert sum(flow.amount or 0 for flow in worst.outflows if not flow.earlier) == 3 * 2 * ETHER


@venues
def test_no_word_of_the_swap_can_be_another(definitions: Definitions, name: str) -> None:  # noqa: F811
    spec = ORDERS[f"limit {name}"][1]
    new = session_of(definitions, f"limit {name}")
    trade = Trade(2 * ETHER, 3_900 * 10**6, ACCOUNT, START)
    made_call = spec.market.swap(trade)
    assert allows(new, made_call.call)
    for place in range(0, made_call.end, 5):
        changed = bytearray(made_call.call.data)
        changed[4 + place] ^= 1
        other = replace(made_call.call, data=bytes(changed))
        in_deadline = made_call.deadline_at <= place < made_call.deadline_at + 32
        less = int.from_bytes(changed[4 + made_call.amount_at :][:32], "big") <= 2 * ETHER
        more = int.from_bytes(changed[4 + made_call.minimum_at :][:32], "big") >= 3_900 * 10**6
        varies = any(at <= place < at + 32 for at in (made_call.amount_at, made_call.minimum_at))
        assert allows(new, other) is (in_deadline or (varies and less and more))


@venues
def test_its_limits_bind(definitions: Definitions, name: str) -> None:  # noqa: F811
    spec = ORDERS[f"limit {name}"][1]
    new = session_of(definitions, f"limit {name}")
    for trade in (
        Trade(2 * ETHER + 1, 3_900 * 10**6, ACCOUNT, START),
        Trade(2 * ETHER, 3_900 * 10**6 - 1, ACCOUNT, START),
        Trade(2 * ETHER, 3_900 * 10**6, THIEF, START),
    ):
        assert not allows(new, spec.market.swap(trade).call)
    for approval in spec.market.approvals(2 * ETHER):
        assert allows(new, approval)
    for approval in spec.market.approvals(2 * ETHER + 1):
        assert not allows(new, approval)


@venues
def test_a_swap_on_its_way_can_be_cancelled(definitions: Definitions, name: str) -> None:  # noqa: F811
    spec = ORDERS[f"limit {name}"][1]
    new = session_of(definitions, f"limit {name}")
    [harmless] = harmless_calls(new.definition.session, ACCOUNT, spec.market.approvals(2 * ETHER))
    assert harmless == erc20.approve(WETH_AT, spec.market.spender, 0)
    assert allows(new, harmless)


@venues
def test_the_lint_reads_whom_it_swaps_for(definitions: Definitions, name: str) -> None:  # noqa: F811
    session = session_of(definitions, f"limit {name}").definition.session
    swaps = [found for action in guarded_actions(session) if (found := pinned_swap(action))]
    assert [swap.recipients for swap in swaps] == [frozenset((ACCOUNT,))]
    foreign = Subject(session, THIEF, a_draft().chain_id)
    assert "L11" in {finding.rule for finding in lint(foreign)}


@venues
def test_a_swap_that_is_not_pinned_whole_is_refused(definitions: Definitions, name: str) -> None:  # noqa: F811
    session = session_of(definitions, f"limit {name}").definition.session
    *others, swap = session.actions
    pins = [rule for rule in _rules(swap.action_policies[0]) if rule.condition == 0]
    assert len(pins) >= 5
    for pin in pins:
        kept = tuple(rule for rule in _rules(swap.action_policies[0]) if rule.offset != pin.offset)
        looser = PolicyData(uni_action.ADDRESS, uni_action.encode(uni_action.UniAction(Wei(0), kept[:16])))
        action = ActionData(swap.action_target_selector, swap.action_target, (looser,))
        subject = Subject(replace(session, actions=(*others, action)), ACCOUNT, a_draft().chain_id)
        [guarded] = [item for item in guarded_actions(subject.session) if item.target == swap.action_target]
        refused = {finding.rule for finding in lint(subject) if finding.level == "refuse"}
        if pinned_swap(guarded) is None:
            assert refused & {"L11", "L15"}
        else:
            # Only where a router is asked to stop at which price may be free: it names nobody.
            assert pin.offset >= 7 * 32


def _rules(policy: PolicyData) -> tuple[uni_action.Rule, ...]:
    if policy.policy == arg.ADDRESS:
        return arg.decode(policy.init_data).rules
    return uni_action.decode(policy.init_data).rules


def test_more_than_sixteen_rules_become_a_tree(definitions: Definitions) -> None:  # noqa: F811
    session = session_of(definitions, "limit universal_v3 long").definition.session
    policy = session.actions[-1].action_policies[0]
    assert policy.policy == arg.ADDRESS
    assert len(arg.decode(policy.init_data).rules) > 16


def test_kinds_name_what_may_not_change() -> None:
    assert LIMIT_ORDER.identity(ORDERS["limit v3"][1]).keys() == {"sell", "buy"}  # type: ignore[arg-type]
    assert STOP_LOSS.identity(ORDERS["stop and take"][1]).keys() == {"sell", "buy"}  # type: ignore[arg-type]
