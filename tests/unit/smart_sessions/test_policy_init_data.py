from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.domain.units import (
    UINT128_MAX,
    UINT256_MAX,
    ZERO_ADDRESS,
    Address,
    Gas,
    Timestamp,
    Wei,
    bytes_from_hex,
)
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg import ArgRules
from agent.smart_sessions.policies.arg_tree import MAX_VISITS, Kind, Node
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit
from tests.vectors import vectors

RECORDED = {
    name: bytes_from_hex(data) for name, data in vectors("smart_sessions")["policy_init_data"].items()
}
TOKEN = Address.parse("0x959922bE3CAee4b8Cd9a407cc3ac1C251C2007B1")
SINK = Address.parse("0x9A9f2CCfdE556A7E9Ff0848998Aa4a0CFD8863AE")
PAYEE = Address.parse("0x90F79bf6EB2c4f870365E785982E1f101E93b906")

addresses = st.binary(min_size=20, max_size=20).map(Address).filter(lambda address: address != ZERO_ADDRESS)
uint256 = st.integers(0, UINT256_MAX)
uint48 = st.integers(0, 2**48 - 1).map(Timestamp)


def test_spending_limits() -> None:
    one = SpendingLimits((TokenLimit(TOKEN, 1000),))
    two = SpendingLimits((TokenLimit(TOKEN, 1000), TokenLimit(SINK, 5)))

    assert erc20_spending_limit.encode(one) == RECORDED["spending"]
    assert erc20_spending_limit.encode(two) == RECORDED["spending2"]
    assert erc20_spending_limit.decode(RECORDED["spending2"]) == two


def test_time_frame() -> None:
    config = TimeFrame(valid_after=Timestamp(1_700_000_000), valid_until=Timestamp(1_900_000_000))

    assert time_frame.decode(RECORDED["timeframe"]) == config
    assert time_frame.encode(config) == RECORDED["timeframe"]


def test_usage_limit() -> None:
    assert usage_limit.encode(UsageLimit(10)) == RECORDED["usage"]
    assert usage_limit.decode(RECORDED["usage"]) == UsageLimit(10)


def test_value_limit() -> None:
    assert value_limit.encode(ValueLimit(Wei(10**18))) == RECORDED["value"]
    assert value_limit.decode(RECORDED["value"]) == ValueLimit(Wei(10**18))


def test_simple_gas() -> None:
    config = SimpleGas(Gas(5_000_000), Wei(2 * 10**16))

    assert simple_gas.encode(config) == RECORDED["simple_gas"]
    assert simple_gas.decode(RECORDED["simple_gas"]) == config


def test_action_rules() -> None:
    config = UniAction(
        Wei(7),
        (
            Rule(Condition.EQUAL, 0, bytes(12) + PAYEE),
            Rule(Condition.LESS_OR_EQUAL, 32, (100).to_bytes(32, "big"), limit=150),
        ),
    )

    assert uni_action.encode(config) == RECORDED["uni"]
    assert uni_action.decode(RECORDED["uni"]) == config


def test_argument_tree() -> None:
    config = ArgRules(
        Wei(0),
        2,
        tuple(Rule(Condition.EQUAL, 0, number.to_bytes(32, "big")) for number in (1, 2)),
        (Node(Kind.RULE), Node(Kind.RULE, rule=1), Node(Kind.OR, left=0, right=1)),
    )

    assert arg.encode(config) == RECORDED["arg_or"]
    assert arg.decode(RECORDED["arg_or"]) == config


def test_contract_whitelist() -> None:
    config = ContractWhitelist((TOKEN, SINK))

    assert contract_whitelist.encode(config) == RECORDED["contract_whitelist"]
    assert contract_whitelist.decode(RECORDED["contract_whitelist"]) == config


@given(st.lists(st.builds(TokenLimit, addresses, st.integers(1, UINT256_MAX)), max_size=4))
def test_spending_limits_come_back(limits: list[TokenLimit]) -> None:
    config = SpendingLimits(tuple(limits))

    assert erc20_spending_limit.decode(erc20_spending_limit.encode(config)) == config


@given(uint48, st.integers(1, 2**48 - 1).map(Timestamp))
def test_time_frame_comes_back_in_both_widths(one: Timestamp, other: Timestamp) -> None:
    config = TimeFrame(min(one, other), max(one, other))

    assert time_frame.decode(time_frame.encode(config)) == config
    assert time_frame.decode_legacy(time_frame.encode_legacy(config)) == config


@given(st.integers(1, UINT128_MAX), st.integers(1, UINT256_MAX), st.integers(1, UINT128_MAX))
def test_counters_come_back(uses: int, value: int, gas: int) -> None:
    assert usage_limit.decode(usage_limit.encode(UsageLimit(uses))) == UsageLimit(uses)
    assert value_limit.decode(value_limit.encode(ValueLimit(Wei(value)))) == ValueLimit(Wei(value))
    config = SimpleGas(Gas(gas), Wei(uses))
    assert simple_gas.decode(simple_gas.encode(config)) == config


rules = st.builds(
    Rule,
    st.sampled_from(Condition),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.none() | uint256,
    uint256,
)


@given(uint256, st.lists(rules, min_size=1, max_size=16))
def test_action_rules_come_back(value: int, listed: list[Rule]) -> None:
    config = UniAction(Wei(value), tuple(listed))

    assert uni_action.decode(uni_action.encode(config)) == config


@st.composite
def trees(draw: st.DrawFn) -> ArgRules:
    """Draw rules and nodes that refer only to nodes before them."""
    listed = draw(st.lists(rules, min_size=1, max_size=8))
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(Kind)) if index else Kind.RULE
        before = st.integers(0, max(0, index - 1))
        nodes.append(Node(kind, draw(st.integers(0, len(listed) - 1)), draw(before), draw(before)))
    return ArgRules(draw(uint256.map(Wei)), len(nodes) - 1, tuple(listed), tuple(nodes))


@given(trees())
def test_argument_tree_comes_back(config: ArgRules) -> None:
    # Twelve nodes that each ask the one before twice are more than is ever judged.
    assume(not too_large(config))

    assert arg.decode(arg.encode(config)) == config


def too_large(config: ArgRules) -> bool:
    visits: list[int] = []
    for node in config.nodes:
        visits.append(1 + sum(visits[child] for child in node.children))
    return visits[config.root] > MAX_VISITS


@given(st.lists(addresses, min_size=1, max_size=6))
def test_contract_whitelist_comes_back(targets: list[Address]) -> None:
    config = ContractWhitelist(tuple(targets))

    assert contract_whitelist.decode(contract_whitelist.encode(config)) == config


RULE = Rule(Condition.EQUAL, 0, bytes(32))
LEAF = Node(Kind.RULE)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (ArgRules(Wei(0), 0, (), (Node(Kind.AND),)), "at least one rule"),
        (ArgRules(Wei(2**256), 0, (RULE,), (LEAF,)), "value limit"),
        (ArgRules(Wei(0), 0, (RULE,) * 129, (LEAF,)), "129 rules"),
        (ArgRules(Wei(0), 0, (RULE,), (LEAF,) * 257), "257 nodes"),
        (ArgRules(Wei(0), 0, (RULE,), ()), "no node"),
        (ArgRules(Wei(0), 1, (RULE,), (LEAF,)), "root 1"),
        (ArgRules(Wei(0), 0, (RULE,), (Node(Kind.RULE, rule=1),)), "rule 1"),
        (ArgRules(Wei(0), 1, (RULE,), (LEAF, Node(Kind.OR, left=0, right=2))), "not there"),
        (ArgRules(Wei(0), 0, (RULE,), (Node(Kind.NOT),)), "refer to themselves"),
        (ArgRules(Wei(0), 32, (RULE,), (LEAF, *(Node(Kind.NOT, 0, i) for i in range(32)))), "deep"),
        (ArgRules(Wei(0), 10, (RULE,), (LEAF, *(Node(Kind.AND, 0, i, i) for i in range(10)))), "2047 times"),
        (ArgRules(Wei(0), 0, (RULE,), (Node(Kind.RULE, left=256),)), "above 255"),
        (ArgRules(Wei(0), 0, (Rule(Condition.EQUAL, 2**64, bytes(32)),), (LEAF,)), "64 bits"),
    ],
)
def test_tree_that_could_never_be_judged_is_refused(config: ArgRules, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        arg.encode(config)


def test_unknown_condition_and_cut_off_tree_do_not_decode() -> None:
    changed = bytearray(RECORDED["arg_or"])
    # The first rule begins at the eighth word.
    changed[32 * 7 + 31] = 7

    with pytest.raises(ValueError, match="condition 7"):
        arg.decode(bytes(changed))
    with pytest.raises(ValueError, match="do not decode"):
        arg.decode(RECORDED["arg_or"][:-1])


@pytest.mark.parametrize("data", [b"", bytes(20), TOKEN[:-1], TOKEN + b"\x01", TOKEN + bytes(20)])
def test_list_that_is_no_list_of_contracts_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        contract_whitelist.decode(data)


def test_limits_that_could_never_work_are_refused() -> None:
    attempts: tuple[Callable[[], bytes], ...] = (
        lambda: usage_limit.encode(UsageLimit(0)),
        lambda: value_limit.encode(ValueLimit(Wei(0))),
        lambda: simple_gas.encode(SimpleGas(Gas(0), Wei(1))),
        lambda: simple_gas.encode(SimpleGas(Gas(1), Wei(2**128))),
        lambda: time_frame.encode(TimeFrame(Timestamp(0), Timestamp(0))),
        lambda: time_frame.encode(TimeFrame(Timestamp(2), Timestamp(1))),
        lambda: time_frame.encode(TimeFrame(Timestamp(0), Timestamp(2**48))),
        lambda: erc20_spending_limit.encode(SpendingLimits((TokenLimit(ZERO_ADDRESS, 1),))),
        lambda: erc20_spending_limit.encode(SpendingLimits((TokenLimit(TOKEN, 0),))),
        lambda: uni_action.encode(UniAction(Wei(0), ())),
        lambda: contract_whitelist.encode(ContractWhitelist(())),
        lambda: contract_whitelist.encode(ContractWhitelist((TOKEN, ZERO_ADDRESS))),
    )
    for encode in attempts:
        with pytest.raises(ValueError, match=r"."):
            encode()


@given(st.binary(max_size=31))
def test_cut_off_init_data_is_refused(data: bytes) -> None:
    for decode in (value_limit.decode, simple_gas.decode, erc20_spending_limit.decode, uni_action.decode):
        with pytest.raises(ValueError, match=r"."):
            decode(data)
