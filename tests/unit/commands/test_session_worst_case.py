from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands.session_words import most_words, session_words, worst_case_words
from agent.domain.call import Call
from agent.domain.session import ActionData, ERC7739Data, PolicyData, Session
from agent.domain.token import Token
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    OWNABLE_VALIDATOR,
    PSEUDO_TARGET,
)
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER, TRANSFER_FROM
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.signature import owners_init_data
from agent.smart_sessions.worst_case import Allowance, Outflow, worst_case
from tests.unit.commands.attacker import ACCOUNT, Attacker

TOKEN, OTHER_TOKEN = Address(b"\x70" * 20), Address(b"\x71" * 20)
PAYEE, THIEF = Address(b"\x0b" * 20), Address(b"\x0c" * 20)
END = Timestamp(1_796_083_200)
USDC = {TOKEN: Token("USDC", TOKEN, 6)}
SUDO = PolicyData(sudo.ADDRESS, b"")


def spending(limit: int, token: Address = TOKEN) -> PolicyData:
    limits = erc20_spending_limit.SpendingLimits((erc20_spending_limit.TokenLimit(token, limit),))
    return PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(limits))


def rules(*found: Rule, value_wei: int = 0) -> PolicyData:
    return PolicyData(uni_action.ADDRESS, uni_action.encode(uni_action.UniAction(Wei(value_wei), found)))


def uses(limit: int) -> PolicyData:
    return PolicyData(usage_limit.ADDRESS, usage_limit.encode(usage_limit.UsageLimit(limit)))


def value(limit_wei: int) -> PolicyData:
    return PolicyData(value_limit.ADDRESS, value_limit.encode(value_limit.ValueLimit(Wei(limit_wei))))


def gas(limit: int, cost_wei: int) -> PolicyData:
    return PolicyData(simple_gas.ADDRESS, simple_gas.encode(simple_gas.SimpleGas(Gas(limit), Wei(cost_wei))))


def frame(until: int) -> PolicyData:
    window = time_frame.TimeFrame(Timestamp(0), Timestamp(until))
    return PolicyData(time_frame.ADDRESS, time_frame.encode(window))


def rule(offset: int, condition: Condition, word: int | bytes, limit: int | None = None) -> Rule:
    reference = word.rjust(32, b"\0") if isinstance(word, bytes) else word.to_bytes(32, "big")
    return Rule(condition, offset, reference, limit)


TO_PAYEE = rule(0, Condition.EQUAL, PAYEE)
AT_MOST_12 = rule(32, Condition.LESS_OR_EQUAL, 12_000_000)


def a_session(
    *actions: ActionData,
    every: Sequence[PolicyData] = (frame(END), uses(4), gas(10**7, 2 * 10**16)),
    paymaster: bool = False,
    signing: ERC7739Data | None = None,
) -> Session:
    return Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=owners_init_data(1, [Address(b"\x01" * 20)]),
        salt=Hash32(b"\x07" * 32),
        user_op_policies=tuple(every),
        erc7739_policies=signing or ERC7739Data(),
        actions=actions,
        permit_erc4337_paymaster=paymaster,
    )


def on_token(*policies: PolicyData, selector: bytes = TRANSFER) -> ActionData:
    return ActionData(selector, TOKEN, policies)


PAYMENT = on_token(spending(36_000_000), rules(TO_PAYEE, AT_MOST_12))


def test_words_state_amount_recipient_gas_and_end() -> None:
    (line,) = worst_case_words(worst_case(a_session(PAYMENT)), USDC)
    assert line == (
        f"If this key leaks: at most 36 USDC to {PAYEE} (12 USDC at a time) and 0.02 ether in gas,"
        " until 2026-12-01 00:00:00 UTC, in 4 operations at most."
    )


def test_one_sentence_states_the_most_of_everything_to_whom_and_until_when() -> None:
    two = a_session(
        PAYMENT, on_token(spending(5_000_000), selector=APPROVE), every=(frame(END), gas(9, 10**16))
    )
    assert most_words(worst_case(two), USDC) == (
        "If this key leaks, at most 0.01 ether in gas and 41 USDC to anybody can leave"
        " until 2026-12-01 00:00:00 UTC, gas and paymasters' fees included;"
        " what others may pull by an allowance can leave later."
    )


def test_value_limit_on_operations_is_counted_once_for_all_actions() -> None:
    actions = [ActionData(NATIVE_TRANSFER_SELECTOR, to, (SUDO,)) for to in (PAYEE, THIEF)]
    worst = worst_case(a_session(*actions, every=(frame(END), value(50), gas(9, 7))))
    assert worst.totals == {None: 57}
    assert worst.repeated(2).totals == {None: 114}
    assert "that is 2 times every limit" in most_words(worst.repeated(2), USDC)


def test_known_allowances_bound_what_a_paymaster_takes() -> None:
    session = a_session(PAYMENT, paymaster=True)
    known = worst_case(session, (Allowance(TOKEN, THIEF, 3_000_000),))
    assert known.is_bounded
    assert known.totals == {None: 2 * 10**16, TOKEN: 39_000_000}
    assert most_words(worst_case(session), USDC).startswith(
        "If this key leaks, there is no bound on what can leave until 2026-12-01 00:00:00 UTC: a paymaster"
    )


def test_session_in_words_names_every_limit() -> None:
    assert list(session_words(a_session(PAYMENT), USDC)) == [
        "every operation: from now until 2026-12-01 00:00:00 UTC",
        "every operation: 4 times at most",
        "every operation: 10000000 gas at most in all, and 0.02 ether for it",
        f"may call transfer(address,uint256) of USDC ({TOKEN})",
        "  36 USDC at most in all",
        "  0 ether at most with each call",
        f"  the recipient is {PAYEE}",
        "  the amount is at most 12 USDC",
    ]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (PAYMENT, Outflow(TOKEN, 36_000_000, 12_000_000, PAYEE)),
        (on_token(spending(50)), Outflow(TOKEN, 50, None, None)),
        (on_token(spending(50, OTHER_TOKEN)), Outflow(TOKEN, 0, None, None)),
        (on_token(rules(TO_PAYEE, AT_MOST_12), uses(2)), Outflow(TOKEN, 24_000_000, 12_000_000, PAYEE)),
        (on_token(rules(TO_PAYEE, AT_MOST_12)), Outflow(TOKEN, None, 12_000_000, PAYEE)),
        (
            on_token(rules(rule(32, Condition.LESS_THAN, 10, limit=25))),
            Outflow(TOKEN, 25, 9, None),
        ),
        (on_token(SUDO, spending(7)), Outflow(TOKEN, 7, None, None)),
        (on_token(spending(7), selector=APPROVE), Outflow(TOKEN, 7, None, None, pulled=True)),
    ],
)
def test_token_outflow_is_the_tightest_bound(action: ActionData, expected: Outflow) -> None:
    assert worst_case(a_session(action)).outflows[0] == expected


@pytest.mark.parametrize(
    ("policies", "amount"),
    [((value(90), uses(3)), 90), ((SUDO,), None), ((value(90), value(40)), 40)],
)
def test_native_outflow_goes_to_the_called_address(
    policies: tuple[PolicyData, ...], amount: int | None
) -> None:
    session = a_session(ActionData(NATIVE_TRANSFER_SELECTOR, PAYEE, policies))
    assert worst_case(session).outflows == (Outflow(None, amount, None, PAYEE),)


def test_token_call_without_a_value_rule_may_carry_coin() -> None:
    flows = worst_case(a_session(on_token(SUDO))).outflows
    assert flows == (Outflow(TOKEN, None, None, None), Outflow(None, None, None, TOKEN))


def test_value_limit_on_operations_bounds_every_action() -> None:
    session = a_session(on_token(SUDO), every=(value(5),))
    assert worst_case(session).outflows[1] == Outflow(None, 5, None, TOKEN)


def test_action_listed_twice_has_the_policies_of_both() -> None:
    twice = a_session(on_token(spending(36_000_000)), on_token(rules(TO_PAYEE, AT_MOST_12)))
    assert worst_case(twice).outflows == worst_case(a_session(PAYMENT)).outflows


def test_session_without_time_frame_never_ends() -> None:
    assert worst_case(a_session(PAYMENT, every=())).until is None


def test_last_action_to_end_ends_the_session() -> None:
    one = ActionData(TRANSFER, TOKEN, (spending(1), frame(100)))
    other = ActionData(TRANSFER, OTHER_TOKEN, (spending(1, OTHER_TOKEN), frame(200)))
    assert worst_case(a_session(one, other, every=())).until == 200


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (a_session(ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, (SUDO,))), "any function of any contract"),
        (a_session(ActionData(ADMIN_SELECTOR, PSEUDO_TARGET, (SUDO,))), "allow itself everything"),
        (a_session(ActionData(b"\x01\x02\x03\x04", TOKEN, (uses(1),))), "0x01020304 of"),
        (a_session(PAYMENT, paymaster=True), "a paymaster may pay"),
        (a_session(PAYMENT, signing=ERC7739Data(erc1271_policies=(SUDO,))), "off chain"),
        (a_session(on_token(spending(1), PolicyData(THIEF, b""))), "is unknown"),
        (a_session(on_token(PolicyData(uni_action.ADDRESS, b"\x00"))), "is unknown"),
    ],
)
def test_what_has_no_number_is_said(session: Session, reason: str) -> None:
    worst = worst_case(session)
    assert not worst.is_bounded
    assert any(reason in line for line in worst_case_words(worst, USDC)[1:])


def test_derived_kind_of_session_is_bounded() -> None:
    assert worst_case(a_session(PAYMENT)).is_bounded


AMOUNTS = st.sampled_from((0, 1, 5, 7, 12, 20, 50, 2**255, 2**256 - 1))
SMALL = st.integers(1, 60)
RULES = st.builds(
    rule,
    st.sampled_from((0, 32, 64)),
    st.sampled_from(Condition),
    st.sampled_from((PAYEE, THIEF, ACCOUNT, 5, 12, 50, 3 << 128 | 20)),
    st.none() | SMALL,
)
KINDS = st.sampled_from((Kind.AND, Kind.OR))


def tree(leaves: list[Rule], outer: Kind, inner: Kind, *, negated: bool) -> PolicyData:
    last = Node(Kind.NOT, left=2) if negated else Node(Kind.RULE, rule=2)
    found = tuple(Node(Kind.RULE, rule=index) for index in range(3))
    nodes = (*found, last, Node(inner, left=1, right=3), Node(outer, left=0, right=4))
    return PolicyData(arg.ADDRESS, arg.encode(arg.ArgRules(Wei(3), 5, tuple(leaves), nodes)))


def whitelist(*targets: Address) -> PolicyData:
    config = contract_whitelist.ContractWhitelist(targets)
    return PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(config))


GUARDS = st.lists(
    st.one_of(
        st.builds(tree, st.lists(RULES, min_size=3, max_size=3), KINDS, KINDS, negated=st.booleans()),
        st.builds(whitelist, st.sampled_from((TOKEN, OTHER_TOKEN))),
        st.just(frame(END)),
        st.builds(spending, SMALL, st.sampled_from((TOKEN, OTHER_TOKEN))),
        st.lists(RULES, min_size=1, max_size=3).map(lambda found: rules(*found, value_wei=3)),
        st.builds(uses, st.integers(1, 4)),
        st.builds(value, SMALL),
        st.just(SUDO),
    ),
    min_size=1,
    max_size=3,
)
TARGETS = st.sampled_from((TOKEN, OTHER_TOKEN))
ACTIONS = st.one_of(
    st.builds(
        lambda target, selector, guards: ActionData(selector, target, tuple(guards)),
        TARGETS,
        st.sampled_from((TRANSFER, APPROVE, TRANSFER_FROM)),
        GUARDS,
    ),
    GUARDS.map(lambda guards: ActionData(NATIVE_TRANSFER_SELECTOR, PAYEE, _not_token(guards))),
    GUARDS.map(lambda guards: ActionData(FALLBACK_SELECTOR, PSEUDO_TARGET, tuple(guards))),
)
EVERY = st.lists(
    st.one_of(
        st.builds(uses, st.integers(1, 5)),
        st.builds(gas, SMALL.map(lambda n: n * 300_000), SMALL.map(lambda n: n * 10**6)),
        st.builds(value, SMALL),
    ),
    max_size=3,
)
PARTIES = st.sampled_from((PAYEE, THIEF, ACCOUNT))
CALLS = st.one_of(
    st.builds(
        lambda target, selector, to, amount, coin: Call(target, Wei(coin), _token_data(selector, to, amount)),
        TARGETS,
        st.sampled_from((TRANSFER, APPROVE)),
        PARTIES,
        AMOUNTS,
        st.sampled_from((0, 0, 0, 2)),
    ),
    st.builds(
        lambda target, source, to, amount: Call(
            target, Wei(0), TRANSFER_FROM + _word(source) + _word(to) + _word(amount)
        ),
        TARGETS,
        PARTIES,
        PARTIES,
        AMOUNTS,
    ),
    st.builds(lambda to, coin: Call(to, Wei(coin), b""), PARTIES, st.sampled_from((0, 1, 7, 30))),
)
ATTEMPTS = st.lists(
    st.tuples(st.lists(CALLS, min_size=1, max_size=3), st.sampled_from((0, 1, 10))), max_size=12
)


@given(st.lists(ACTIONS, min_size=1, max_size=3), EVERY, ATTEMPTS)
def test_no_attacker_gets_more_than_the_worst_case(
    actions: list[ActionData], every: list[PolicyData], attempts: list[tuple[list[Call], int]]
) -> None:
    session = a_session(*actions, every=every)
    worst = worst_case(session)
    attacker = Attacker(session)
    attacker.attack(attempts)

    assert worst.operations is None or attacker.operations <= worst.operations
    assert worst.gas_wei is None or attacker.gas_wei <= worst.gas_wei
    if worst.unbounded:
        assert any(action.action_target == PSEUDO_TARGET for action in actions)
        return
    for token, taken in attacker.tokens.items():
        assert taken <= _bound([flow for flow in worst.outflows if flow.token == token])
    most_wei = worst.totals[None]
    assert most_wei is None or attacker.native_wei + attacker.gas_wei <= most_wei
    assert attacker.native_wei <= _bound([flow for flow in worst.outflows if flow.token is None])
    allowed = {(flow.token, flow.to) for flow in worst.outflows}
    for paid_in, receiver in attacker.receivers:
        assert (paid_in, receiver) in allowed or (paid_in, None) in allowed


def test_attacker_takes_all_that_a_payment_session_allows() -> None:
    session = a_session(PAYMENT, every=(uses(4),))
    attacker = Attacker(session)
    theft = Call(TOKEN, Wei(0), _token_data(TRANSFER, PAYEE, 12_000_000))
    stray = Call(TOKEN, Wei(0), _token_data(TRANSFER, THIEF, 1))
    attacker.attack([([theft], 1), ([stray], 1), ([theft, theft], 1), ([theft], 1)])
    assert attacker.tokens[TOKEN] == 36_000_000 == worst_case(session).outflows[0].amount


def _bound(flows: list[Outflow]) -> float:
    return sum(float("inf") if flow.amount is None else flow.amount for flow in flows)


def _not_token(guards: list[PolicyData]) -> tuple[PolicyData, ...]:
    return tuple(guard for guard in guards if guard.policy != erc20_spending_limit.ADDRESS) or (SUDO,)


def _token_data(selector: bytes, to: Address, amount: int) -> bytes:
    return selector + _word(to) + _word(amount)


def _word(value: Address | int) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")
