"""Grants, operations and what the chain says of them, for the tests of preflight."""

from collections.abc import Mapping, Sequence

from eth_abi.abi import encode

from agent.domain.budget import Blocked, Cleared
from agent.domain.call import Call
from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import Address, ChainId, Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import PaymasterFields, UserOperation
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.grant import Counters, Grant, counters
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.erc20_spending_limit import TRANSFER, SpendingLimits, TokenLimit
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit
from agent.smart_sessions.preflight import limits, preflight
from tests.unit.smart_sessions.chain_answers import answers_of

NOW = Timestamp(1_800_000_000)
END = Timestamp(1_900_000_000)
ACCOUNT = Address(b"\x0a" * 20)
TOKEN = Address(b"\x70" * 20)
PAYEE = Address(b"\x0b" * 20)
OTHER = Address(b"\x0c" * 20)

USES = PolicyData(usage_limit.ADDRESS, usage_limit.encode(UsageLimit(3)))
TIME = PolicyData(time_frame.ADDRESS, time_frame.encode(TimeFrame(Timestamp(0), END)))
GAS = PolicyData(simple_gas.ADDRESS, simple_gas.encode(SimpleGas(Gas(1000), Wei(5000))))
VALUE = PolicyData(value_limit.ADDRESS, value_limit.encode(ValueLimit(Wei(50))))
SPENDING = PolicyData(
    erc20_spending_limit.ADDRESS, erc20_spending_limit.encode(SpendingLimits((TokenLimit(TOKEN, 100),)))
)
AMOUNT_RULES = PolicyData(
    uni_action.ADDRESS,
    uni_action.encode(
        UniAction(
            Wei(0),
            (
                Rule(Condition.EQUAL, 0, bytes(12) + PAYEE),
                Rule(Condition.LESS_OR_EQUAL, 32, (40).to_bytes(32, "big"), limit=90),
            ),
        )
    ),
)
SUDO = PolicyData(sudo.ADDRESS, b"")


def an_action(*policies: PolicyData, selector: bytes = TRANSFER, target: Address = TOKEN) -> ActionData:
    return ActionData(selector, target, policies)


def a_grant(
    *actions: ActionData, on_operations: Sequence[PolicyData] = (), permit_paymaster: bool = False
) -> Grant:
    session = Session(
        session_validator=OWNABLE_VALIDATOR,
        session_validator_init_data=b"owners",
        salt=Hash32(bytes(32)),
        user_op_policies=tuple(on_operations),
        actions=actions or (an_action(SPENDING),),
        permit_erc4337_paymaster=permit_paymaster,
    )
    return Grant(ChainId(31337), SMART_SESSION, ACCOUNT, permission_id(session), session)


def a_transfer(amount: int, to: Address = PAYEE, token: Address = TOKEN, selector: bytes = TRANSFER) -> Call:
    return Call(token, Wei(0), selector + encode(["address", "uint256"], [to, amount]))


def an_operation(
    *calls: Call, gas: int = 30, max_fee: int = 4, paid_by: Address | None = None
) -> UserOperation:
    payer = PaymasterFields(paid_by, Gas(0), Gas(0), b"") if paid_by else None
    return UserOperation(
        sender=ACCOUNT,
        nonce=0,
        call_data=encode_execute(calls or (a_transfer(1),)),
        call_gas_limit=Gas(gas),
        verification_gas_limit=Gas(0),
        pre_verification_gas=Gas(0),
        max_fee_per_gas=Wei(max_fee),
        max_priority_fee_per_gas=Wei(1),
        paymaster=payer,
    )


def on_chain(grant: Grant) -> Model:
    model = Model(grant.smart_session, grant.account)
    with model.manage() as sessions:
        sessions.enable_sessions([grant.session])
    return model


def seen(grant: Grant, model: Model | None = None) -> Counters:
    return counters(grant, answers_of(model or on_chain(grant), grant))


def blocked(
    grant: Grant, op: UserOperation, at: Timestamp = NOW, reserved: Mapping[str, int] | None = None
) -> list[tuple[str, int | None, int | None]]:
    verdict = preflight(grant, seen(grant), reserved or {}, op, at)
    assert isinstance(verdict, Blocked)
    assert all(violation.remedy for violation in verdict.violations)
    return [(item.code, item.asked, item.left) for item in verdict.violations]


def cleared(
    grant: Grant, op: UserOperation, reserved: Mapping[str, int] | None = None
) -> list[tuple[str, int]]:
    verdict = preflight(grant, seen(grant), reserved or {}, op, NOW)
    assert isinstance(verdict, Cleared)
    return [(item.limit_key.rsplit("/", 1)[1], item.amount) for item in verdict.consumption]


def key_of(grant: Grant, part: str = "") -> str:
    (use,) = (use for use in limits(grant, seen(grant)) if use.key.part == part)
    return str(use.key)
