"""What the comparison of a granted session with the chain says, field by field."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from eth_abi.abi import encode

from agent.domain.session import ERC7739Data, PolicyData, Session
from agent.domain.units import Address, Gas, Hash32, Timestamp, Wei
from agent.erc4337.packing import packed
from agent.smart_sessions.addresses import ADMIN_SELECTOR, FALLBACK_SELECTOR, PSEUDO_TARGET
from agent.smart_sessions.compare import Difference, differences
from agent.smart_sessions.grant import Grant
from agent.smart_sessions.ids import action_id
from agent.smart_sessions.management import Management
from agent.smart_sessions.model import SIGNATURE_FAILED, Model
from agent.smart_sessions.on_chain import OnChainSession
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
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER, SpendingLimits, TokenLimit
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit
from agent.smart_sessions.session_reads import read_plan, session_from_answers
from agent.smart_sessions.signature import use_signature
from tests.unit.smart_sessions.chain_answers import answer
from tests.unit.smart_sessions.grants import (
    AMOUNT_RULES,
    GAS,
    OTHER,
    SPENDING,
    SUDO,
    TIME,
    TOKEN,
    USES,
    VALUE,
    a_grant,
    a_transfer,
    an_action,
    an_operation,
    on_chain,
)

TRANSFER_ACTION = action_id(TOKEN, TRANSFER)
A_RULE = Rule(Condition.LESS_OR_EQUAL, 32, (40).to_bytes(32, "big"), limit=90)
GRANT = a_grant(
    an_action(SPENDING, AMOUNT_RULES), an_action(SPENDING, selector=APPROVE), on_operations=[TIME, USES]
)
A_TREE = PolicyData(arg.ADDRESS, arg.encode(ArgRules(Wei(0), 0, (A_RULE,), (Node(Kind.RULE),))))
Change = Callable[[Management, Grant], None]


def read(grant: Grant, model: Model) -> OnChainSession:
    """Decode what the chain would answer."""
    plan = read_plan(grant)
    return session_from_answers(plan, [answer(model, call) for call in plan.calls])


def found(grant: Grant, change: Change) -> OnChainSession:
    """Decode the session after the owner changed something."""
    model = on_chain(grant)
    with model.manage() as sessions:
        change(sessions, grant)
    return read(grant, model)


def summary(items: Sequence[Difference]) -> list[tuple[str, bool]]:
    return [(item.code.value, item.widens) for item in items]


def uses(limit: int) -> PolicyData:
    return PolicyData(usage_limit.ADDRESS, usage_limit.encode(UsageLimit(limit)))


def remove(sessions: Management, grant: Grant) -> None:
    sessions.remove_session(grant.permission_id)


def paymaster(sessions: Management, grant: Grant) -> None:
    sessions.permit_paymaster(grant.permission_id, permit=True)


def enable_again(session: Session) -> Change:
    return lambda sessions, _: sessions.enable_sessions([session])


def guard_operations(*policies: PolicyData) -> Change:
    return lambda sessions, grant: sessions.enable_user_op_policies(grant.permission_id, policies)


def unguard_operations(*policies: Address) -> Change:
    return lambda sessions, grant: sessions.disable_user_op_policies(grant.permission_id, policies)


def allow(*policies: PolicyData, selector: bytes, target: Address = TOKEN) -> Change:
    action = an_action(*policies, selector=selector, target=target)
    return lambda sessions, grant: sessions.enable_action_policies(grant.permission_id, [action])


def unguard_transfers(*policies: Address) -> Change:
    return lambda sessions, grant: sessions.disable_action_policies(
        grant.permission_id, TRANSFER_ACTION, policies
    )


def forbid_transfers(sessions: Management, grant: Grant) -> None:
    sessions.disable_action(grant.permission_id, TRANSFER_ACTION)


def use(model: Model, grant: Grant) -> None:
    """Have the model count a transfer of one; a bad signature does not undo that."""
    signed = replace(an_operation(a_transfer(1)), signature=use_signature(grant.permission_id, bytes(65)))
    model.state.sessions[grant.permission_id].validator_init_data = encode(["uint256", "address[]"], [0, []])
    assert model.validate(packed(signed), Hash32(bytes(32)), 0) == SIGNATURE_FAILED
    session = model.state.sessions[grant.permission_id]
    session.validator_init_data = grant.session.session_validator_init_data


def a_tree(*nodes: Node, rule: Rule, value_wei: int = 0) -> PolicyData:
    return PolicyData(arg.ADDRESS, arg.encode(ArgRules(Wei(value_wei), 0, (rule,), nodes)))


def rules(*items: Rule, value_wei: int = 0) -> PolicyData:
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(value_wei), items)))


def limits(*items: tuple[Address, int]) -> PolicyData:
    config = SpendingLimits(tuple(TokenLimit(*item) for item in items))
    return PolicyData(erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(config))


def window(after: int, until: int) -> PolicyData:
    frame = TimeFrame(Timestamp(after), Timestamp(until))
    return PolicyData(time_frame.ADDRESS, time_frame.encode(frame))


def gas(units: int, cost_wei: int) -> PolicyData:
    return PolicyData(simple_gas.ADDRESS, simple_gas.encode(SimpleGas(Gas(units), Wei(cost_wei))))


def value(limit_wei: int) -> PolicyData:
    return PolicyData(value_limit.ADDRESS, value_limit.encode(ValueLimit(Wei(limit_wei))))


def contracts(*targets: Address) -> PolicyData:
    config = ContractWhitelist(targets)
    return PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(config))


def together(*changes: Change) -> Change:
    def change(sessions: Management, grant: Grant) -> None:
        for item in changes:
            item(sessions, grant)

    return change


def test_a_session_as_granted_has_no_difference() -> None:
    assert differences(GRANT.session, found(GRANT, together())) == ()


def test_use_is_no_difference() -> None:
    grant = a_grant(an_action(SPENDING, AMOUNT_RULES, VALUE, USES, A_TREE), on_operations=[TIME, USES, GAS])
    plan, model = read_plan(grant), on_chain(grant)
    before = [answer(model, call) for call in plan.calls]
    use(model, grant)
    after = [answer(model, call) for call in plan.calls]
    changed = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert [call.target for index, call in enumerate(plan.calls) if index in changed] == [
        usage_limit.ADDRESS,
        simple_gas.ADDRESS,
        erc20_spending_limit.ADDRESS,
        uni_action.ADDRESS,
        usage_limit.ADDRESS,
        arg.ADDRESS,
    ]
    assert differences(grant.session, session_from_answers(plan, after)) == ()


CASES: dict[str, tuple[Change, list[tuple[str, bool]]]] = {
    "removed": (remove, [("not_enabled", False)]),
    "a lower limit": (guard_operations(uses(2)), [("policy_config_changed", False)]),
    "a higher limit": (guard_operations(uses(9)), [("policy_config_changed", True)]),
    "a guard gone": (unguard_operations(usage_limit.ADDRESS), [("policy_missing", True)]),
    "a guard more": (guard_operations(GAS), [("policy_added", False)]),
    "another order": (
        together(unguard_operations(time_frame.ADDRESS), guard_operations(TIME)),
        [("policy_order_changed", False)],
    ),
    "an action gone": (forbid_transfers, [("action_missing", False)]),
    "an action gone to the fallback": (
        together(forbid_transfers, allow(SUDO, selector=FALLBACK_SELECTOR, target=PSEUDO_TARGET)),
        [("action_missing", True), ("action_added", True)],
    ),
    "an action more": (allow(SUDO, selector=TRANSFER, target=OTHER), [("action_added", True)]),
    "the admin action": (
        allow(SUDO, selector=ADMIN_SELECTOR, target=PSEUDO_TARGET),
        [("action_added", True)],
    ),
    "an action's guard gone": (unguard_transfers(uni_action.ADDRESS), [("policy_missing", True)]),
    "an action's guards all gone": (
        unguard_transfers(uni_action.ADDRESS, erc20_spending_limit.ADDRESS),
        [("action_missing", False)],
    ),
    "an action's guard more": (allow(USES, selector=TRANSFER), [("policy_added", False)]),
    "granted wider on top": (
        enable_again(
            replace(GRANT.session, actions=(an_action(SUDO), an_action(SUDO, selector=b"\1\2\3\4")))
        ),
        [("policy_added", False), ("action_added", True)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_change_is_told_alone(name: str) -> None:
    change, expected = CASES[name]
    assert summary(differences(GRANT.session, found(GRANT, change))) == expected


@pytest.mark.parametrize(
    ("granted", "live", "expected"),
    [
        (True, True, []),
        (False, None, []),
        (False, True, [("paymaster_flag_changed", True)]),
        (True, False, [("paymaster_flag_changed", False)]),
    ],
)
def test_the_paymaster_flag_is_compared_when_it_is_known(
    *, granted: bool, live: bool | None, expected: list[tuple[str, bool]]
) -> None:
    grant = a_grant(permit_paymaster=granted)
    seen = replace(read(grant, on_chain(grant)), permit_paymaster=live)
    assert summary(differences(grant.session, seen)) == expected


def test_another_validator_or_key_is_told() -> None:
    seen = read(GRANT, on_chain(GRANT))
    other = replace(seen, session_validator=OTHER, session_validator_init_data=b"others")
    assert summary(differences(GRANT.session, other)) == [
        ("validator_changed", True),
        ("validator_config_changed", True),
    ]


def test_rights_to_sign_off_chain_are_told() -> None:
    signing = replace(GRANT.session, erc7739_policies=ERC7739Data((), (SUDO,)))
    grant = replace(GRANT, session=signing)
    plain, signer = read(grant, on_chain(GRANT)), read(grant, on_chain(grant))
    assert differences(signing, signer) == ()
    assert summary(differences(GRANT.session, signer)) == [("erc1271_added", True)]
    assert summary(differences(signing, plain)) == [("erc1271_missing", False)]


CONFIGURATIONS: dict[str, tuple[PolicyData, PolicyData, bool]] = {
    "fewer uses": (uses(3), uses(2), False),
    "more uses": (uses(3), uses(4), True),
    "less value": (value(50), value(49), False),
    "more value": (value(50), value(51), True),
    "ends earlier": (window(5, 90), window(5, 80), False),
    "ends later": (window(5, 90), window(5, 91), True),
    "ends never": (window(5, 90), window(5, 0), True),
    "ends at last": (window(5, 0), window(5, 90), False),
    "starts earlier": (window(5, 90), window(4, 90), True),
    "starts later": (window(5, 90), window(6, 90), False),
    "less gas": (gas(10, 10), gas(9, 10), False),
    "dearer gas": (gas(10, 10), gas(9, 11), True),
    "more of a token": (limits((TOKEN, 5)), limits((TOKEN, 6)), True),
    "less of a token": (limits((TOKEN, 5)), limits((TOKEN, 4)), False),
    "one token less": (limits((TOKEN, 5), (OTHER, 5)), limits((TOKEN, 5)), False),
    "one contract less": (contracts(TOKEN, OTHER), contracts(TOKEN), False),
    "more value a call": (rules(A_RULE), rules(A_RULE, value_wei=1), True),
    "one rule more": (rules(A_RULE), rules(A_RULE, A_RULE), False),
    "one rule less": (rules(A_RULE, A_RULE), rules(A_RULE), True),
    "a lower sum": (rules(A_RULE), rules(replace(A_RULE, limit=89)), False),
    "a higher sum": (rules(A_RULE), rules(replace(A_RULE, limit=91)), True),
    "no sum": (rules(A_RULE), rules(replace(A_RULE, limit=None)), True),
    "a sum at last": (rules(replace(A_RULE, limit=None)), rules(A_RULE), False),
    "another rule": (rules(A_RULE), rules(replace(A_RULE, offset=0)), True),
    "a sum turned back": (rules(replace(A_RULE, used=7)), rules(A_RULE), True),
    "a lower sum in a tree": (A_TREE, a_tree(Node(Kind.RULE), rule=replace(A_RULE, limit=89)), False),
    "a lower sum below a negation": (
        a_tree(Node(Kind.NOT, left=1), Node(Kind.RULE), rule=A_RULE),
        a_tree(Node(Kind.NOT, left=1), Node(Kind.RULE), rule=replace(A_RULE, limit=89)),
        True,
    ),
    "another tree": (A_TREE, a_tree(Node(Kind.NOT, left=1), Node(Kind.RULE), rule=A_RULE), True),
    "more value a call in a tree": (A_TREE, a_tree(Node(Kind.RULE), rule=A_RULE, value_wei=1), True),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_another_configuration_is_told_with_whether_it_widens(name: str) -> None:
    before, after, widens = CONFIGURATIONS[name]
    use_of = {simple_gas.ADDRESS: "on_operations"}
    grants = [
        a_grant(an_action(SUDO), on_operations=[item]) if item.policy in use_of else a_grant(an_action(item))
        for item in (before, after)
    ]
    granted, live = grants
    plan = read_plan(granted)
    seen = session_from_answers(plan, [answer(on_chain(live), call) for call in plan.calls])
    (told,) = differences(granted.session, seen)
    assert (told.code.value, told.widens) == ("policy_config_changed", widens)


def test_a_configuration_the_contract_stores_alike_is_no_difference() -> None:
    alike = PolicyData(uni_action.ADDRESS, rules(A_RULE).init_data + b"tail")
    twice = limits((TOKEN, 5), (OTHER, 1), (TOKEN, 7))
    for granted, live in ((alike, rules(A_RULE)), (twice, limits((OTHER, 1), (TOKEN, 7)))):
        plan = read_plan(a_grant(an_action(granted)))
        model = on_chain(a_grant(an_action(live)))
        seen = session_from_answers(plan, [answer(model, call) for call in plan.calls])
        assert differences(a_grant(an_action(granted)).session, seen) == ()


def test_the_first_guard_of_an_action_opens_it() -> None:
    closed = a_grant(an_action())
    seen = found(closed, allow(SPENDING, selector=TRANSFER))
    assert summary(differences(closed.session, seen)) == [("policy_added", True)]


def test_a_policy_without_rules_of_ours_cannot_be_compared() -> None:
    unknown = PolicyData(OTHER, b"\1")
    seen = read(GRANT, on_chain(GRANT))
    granted = replace(GRANT.session, user_op_policies=(*GRANT.session.user_op_policies, unknown))
    strange = replace(seen.user_op_policies[0], policy=OTHER, state=None)
    told = differences(granted, replace(seen, user_op_policies=(*seen.user_op_policies, strange)))
    assert summary(told) == [("policy_unknown", True)]


def test_views_that_fail_are_told_and_not_taken_for_an_answer() -> None:
    plan, model = read_plan(GRANT), on_chain(GRANT)
    answers = [answer(model, call) for call in plan.calls]
    silent = [
        None if call.target != GRANT.smart_session else told
        for call, told in zip(plan.calls, answers, strict=True)
    ]
    codes = {code for code, widens in summary(differences(GRANT.session, session_from_answers(plan, silent)))}
    # A token without a limit makes its view fail too: that is a limit of zero.
    assert codes == {"policy_unreadable", "policy_config_changed"}
    mute = [*answers[:1], *([None] * (len(answers) - 1))]
    told = differences(GRANT.session, session_from_answers(plan, mute))
    assert [item.where for item in told if item.code.value == "unreadable"] == [
        "getSessionValidatorAndConfig",
        "getUserOpPolicies",
        "getERC1271Policies",
        "getEnabledActions",
    ]
    assert all(item.widens for item in told if item.code.value == "unreadable")
