from dataclasses import replace

import pytest
from eth_abi.abi import encode

from agent.domain.budget import Blocked, Cleared, Violation
from agent.domain.call import Call
from agent.domain.session import PolicyData
from agent.domain.units import ChainId, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.grant import Counters, Grant, counters, reads
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    time_frame,
    usage_limit,
)
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.preflight import earliest_expiry, limits, preflight
from tests.unit.smart_sessions.chain_answers import answers_of
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
    AMOUNT_RULES,
    END,
    GAS,
    NOW,
    OTHER,
    PAYEE,
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
    blocked,
    cleared,
    key_of,
    on_chain,
    seen,
)


def test_transfer_takes_its_amount_from_the_token_s_limit() -> None:
    assert cleared(a_grant(), an_operation(a_transfer(100))) == [(str(TOKEN), 100)]


def test_calls_of_a_batch_add_up() -> None:
    grant = a_grant(an_action(SPENDING, USES))
    batch = an_operation(a_transfer(40), a_transfer(60))

    assert cleared(grant, batch) == [(str(TOKEN), 100), ("", 2)]
    assert blocked(grant, an_operation(a_transfer(40), a_transfer(61))) == [("spending_limit", 61, 60)]


def test_approval_takes_from_a_limit_of_its_own_action() -> None:
    grant = a_grant(an_action(SPENDING), an_action(SPENDING, selector=APPROVE))

    assert cleared(grant, an_operation(a_transfer(100), a_transfer(100, selector=APPROVE))) == [
        (str(TOKEN), 100),
        (str(TOKEN), 100),
    ]


def test_every_violation_is_told_at_once() -> None:
    grant = a_grant(an_action(SPENDING, AMOUNT_RULES), on_operations=[GAS, TIME])
    op = an_operation(a_transfer(101, to=OTHER), Call(OTHER, Wei(1), b""), gas=2000)

    assert blocked(grant, op, at=Timestamp(END + 1)) == [
        ("gas_limit", 2000, 1000),
        ("cost_limit", 8000, 5000),
        ("spending_limit", 101, 100),
        ("argument_refused", int.from_bytes(OTHER, "big"), int.from_bytes(PAYEE, "big")),
        ("argument_refused", 101, 40),
        ("not_granted", None, None),
        ("session_expired", END + 1, END),
    ]


def test_violation_names_policy_configuration_and_part() -> None:
    grant = a_grant()

    verdict = preflight(grant, seen(grant), {}, an_operation(a_transfer(101)), NOW)

    (use,) = limits(grant, seen(grant))
    assert isinstance(verdict, Blocked)
    assert verdict.violations == (
        Violation(
            code="spending_limit",
            remedy="ask the owner to grant more: sessions new",
            policy=erc20_spending_limit.ADDRESS,
            config_id=use.key.config_id,
            part=str(TOKEN),
            asked=101,
            left=100,
            rule="ERC20SpendingLimit",
            target=TOKEN,
            selector=TRANSFER,
            unit="token",
            limit=100,
            used=0,
            reserved=0,
        ),
    )
    assert "101 asked, 100 left" in str(verdict.violations[0])


@pytest.mark.parametrize(
    ("policy", "part", "reserved", "op", "expected"),
    [
        (SPENDING, str(TOKEN), 61, an_operation(a_transfer(40)), ("spending_limit", 40, 39)),
        (USES, "", 3, an_operation(), ("usage_limit", 1, 0)),
        (AMOUNT_RULES, "rule1", 60, an_operation(a_transfer(40)), ("argument_limit", 40, 30)),
    ],
    ids=["spending", "usage", "argument"],
)
def test_operations_in_flight_leave_less_room(
    policy: PolicyData, part: str, reserved: int, op: UserOperation, expected: tuple[str, int, int]
) -> None:
    grant = a_grant(an_action(policy))

    assert cleared(grant, op, {"another limit": 1000})
    assert blocked(grant, op, reserved={key_of(grant, part): reserved}) == [expected]


@pytest.mark.parametrize(
    ("policy", "part", "reserved", "expected"),
    [
        (GAS, "gas", 971, ("gas_limit", 30, 29)),
        (GAS, "cost", 4881, ("cost_limit", 120, 119)),
        (VALUE, "", 44, ("value_limit", 7, 6)),
    ],
    ids=["gas", "cost", "value"],
)
def test_operations_in_flight_leave_less_room_for_whole_operations(
    policy: PolicyData, part: str, reserved: int, expected: tuple[str, int, int]
) -> None:
    grant = a_grant(an_action(SUDO, selector=b"\xff" * 4, target=PAYEE), on_operations=[policy])
    op = an_operation(Call(PAYEE, Wei(7), b""))

    assert cleared(grant, op, {key_of(grant, part): reserved - 1})
    assert blocked(grant, op, reserved={key_of(grant, part): reserved}) == [expected]


def test_gas_is_reserved_at_the_maximum_fee() -> None:
    assert cleared(a_grant(on_operations=[GAS]), an_operation(gas=30, max_fee=7)) == [
        ("gas", 30),
        ("cost", 210),
        (str(TOKEN), 1),
    ]


def test_limit_is_reported_as_the_chain_has_it_not_with_what_is_in_flight() -> None:
    grant = a_grant()

    verdict = preflight(grant, seen(grant), {key_of(grant, str(TOKEN)): 50}, an_operation(), NOW)

    assert isinstance(verdict, Cleared)
    assert [(item.limit, item.used, item.amount) for item in verdict.consumption] == [(100, 0, 1)]


def test_used_counters_of_the_chain_count() -> None:
    grant = a_grant(an_action(SPENDING, AMOUNT_RULES, USES))
    model = on_chain(grant)
    validate(model, grant, an_operation(a_transfer(40)))
    validate(model, grant, an_operation(a_transfer(30)))

    now = {use.key.part: (use.limit, use.used, use.remaining) for use in limits(grant, seen(grant, model))}

    assert now == {str(TOKEN): (100, 70, 30), "rule1": (90, 70, 20), "": (3, 2, 1)}
    verdict = preflight(grant, seen(grant, model), {}, an_operation(a_transfer(21)), NOW)
    assert isinstance(verdict, Blocked)
    assert [(item.code, item.left) for item in verdict.violations] == [("argument_limit", 20)]


def validate(model: Model, grant: Grant, op: UserOperation) -> None:
    """Move the counters as the chain does; the empty owners make the signature fail, which keeps them."""
    from agent.erc4337.packing import packed

    owners = encode(["uint256", "address[]"], [0, []])
    model.state.sessions[grant.permission_id].validator_init_data = owners
    signature = b"\x00" + grant.permission_id + bytes(65)
    assert model.validate(replace(packed(op), signature=signature), Hash32(bytes(32)), 1) == 1


def test_removed_session_is_not_enabled() -> None:
    grant = a_grant()
    model = on_chain(grant)
    with model.manage() as sessions:
        sessions.remove_session(grant.permission_id)

    verdict = preflight(grant, seen(grant, model), {}, an_operation(), NOW)

    assert isinstance(verdict, Blocked)
    assert [item.code for item in verdict.violations] == ["session_not_enabled"]
    assert limits(grant, seen(grant, model)) == ()


def test_module_without_code_counts_as_not_enabled() -> None:
    grant = a_grant()

    assert counters(grant, [b""] * len(reads(grant))) == Counters(enabled=False)
    assert counters(grant, [None] * len(reads(grant))) == Counters(enabled=False)


@pytest.mark.parametrize(("at", "code"), [(NOW - 100, "session_not_started"), (END + 1, "session_expired")])
def test_time_frame_is_compared_with_the_block(at: int, code: str) -> None:
    frame = time_frame.encode(TimeFrame(NOW, END))
    grant = a_grant(on_operations=[PolicyData(time_frame.ADDRESS, frame)])

    assert [item[0] for item in blocked(grant, an_operation(), at=Timestamp(at))] == [code]
    assert cleared(grant, an_operation())
    assert earliest_expiry(grant, seen(grant)) == END


def test_session_without_time_frame_has_no_expiry() -> None:
    assert earliest_expiry(a_grant(), seen(a_grant())) is None


@pytest.mark.parametrize(
    ("grant", "codes"),
    [
        (a_grant(), ["paymaster_not_permitted", "paymaster_without_policy"]),
        (a_grant(permit_paymaster=True), ["paymaster_without_policy"]),
        (a_grant(on_operations=[SUDO]), ["paymaster_not_permitted"]),
    ],
)
def test_paymaster_needs_the_flag_and_a_policy_on_operations(grant: Grant, codes: list[str]) -> None:
    assert [item[0] for item in blocked(grant, an_operation(paid_by=OTHER))] == codes


def test_permitted_paymaster_is_cleared() -> None:
    grant = a_grant(on_operations=[SUDO], permit_paymaster=True)

    assert cleared(grant, an_operation(paid_by=OTHER))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (a_transfer(1, token=OTHER), "not_granted"),
        (Call(PAYEE, Wei(1), b""), "not_granted"),
        (Call(SMART_SESSION, Wei(0), TRANSFER), "not_granted"),
        (Call(PSEUDO_TARGET, Wei(0), b""), "forbidden_target"),
        (Call(ACCOUNT, Wei(0), encode_execute([a_transfer(1)])), "self_call"),
        (replace(a_transfer(1), value_wei=Wei(1)), "value_not_allowed"),
        (Call(TOKEN, Wei(0), TRANSFER), "malformed_token_call"),
    ],
)
def test_call_outside_the_grant_is_refused(call: Call, code: str) -> None:
    assert [item[0] for item in blocked(a_grant(), an_operation(call))] == [code]


def test_fallback_action_is_asked_when_the_exact_one_is_missing() -> None:
    grant = a_grant(an_action(USES, selector=FALLBACK_SELECTOR, target=PSEUDO_TARGET))

    assert cleared(grant, an_operation(Call(OTHER, Wei(1), b""))) == [("", 1)]


def test_disabled_action_is_not_granted_any_more() -> None:
    grant = a_grant()
    model = on_chain(grant)
    with model.manage() as sessions:
        (action,) = model.state.sessions[grant.permission_id].actions
        sessions.disable_action(grant.permission_id, action)

    verdict = preflight(grant, seen(grant, model), {}, an_operation(), NOW)

    assert isinstance(verdict, Blocked)
    assert [item.code for item in verdict.violations] == ["not_granted"]


def test_policy_on_chain_that_the_file_does_not_list_is_refused() -> None:
    grant = a_grant()
    model = on_chain(grant)
    with model.manage() as sessions:
        sessions.enable_user_op_policies(grant.permission_id, [USES])

    verdict = preflight(grant, seen(grant, model), {}, an_operation(), NOW)

    assert isinstance(verdict, Blocked)
    assert [(item.code, item.policy) for item in verdict.violations] == [
        ("session_changed", usage_limit.ADDRESS)
    ]


def test_counter_that_cannot_be_read_is_refused() -> None:
    grant = a_grant(on_operations=[USES])
    answers = answers_of(on_chain(grant), grant)
    answers[2] = None

    verdict = preflight(grant, counters(grant, answers), {}, an_operation(), NOW)

    assert isinstance(verdict, Blocked)
    assert [(item.code, item.policy) for item in verdict.violations] == [
        ("policy_unreadable", usage_limit.ADDRESS)
    ]


def test_unknown_policy_is_refused() -> None:
    stranger = PolicyData(OTHER, b"\x01")
    grant = a_grant(an_action(SPENDING, stranger))
    answers = answers_of(on_chain(a_grant()), grant)
    answers[2] = encode(["address[]"], [[SPENDING.policy, OTHER]])

    verdict = preflight(grant, counters(grant, answers), {}, an_operation(), NOW)

    assert isinstance(verdict, Blocked)
    assert [(item.code, item.policy) for item in verdict.violations] == [("policy_unknown", OTHER)]


def test_limit_keys_differ_by_chain() -> None:
    here = a_grant()
    there = replace(here, chain_id=ChainId(1))

    (one,), (other,) = limits(here, seen(here)), limits(there, seen(there))
    assert str(one.key) != str(other.key)
