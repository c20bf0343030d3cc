"""Operations that a session refuses, each with the sentence an operator reads."""

from dataclasses import dataclass, field, replace

from agent.domain.budget import Blocked, Violation
from agent.domain.call import Call
from agent.domain.session import PolicyData
from agent.domain.token import Token
from agent.domain.units import Gas, Hash32, Timestamp, Wei
from agent.domain.user_operation import UserOperation
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.addresses import PSEUDO_TARGET
from agent.smart_sessions.checker import Checker
from agent.smart_sessions.grant import Counters, Grant, PolicyPlace
from agent.smart_sessions.policies import (
    POLICIES,
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
)
from agent.smart_sessions.policies.arg import ArgRules, ArgState
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits, TokenLimit
from agent.smart_sessions.policies.policy import Charge
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.preflight import limits
from tests.unit.smart_sessions.grants import (
    ACCOUNT,
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
    key_of,
    seen,
)

USDC = Token("USDC", TOKEN, 6)
TOKENS = {TOKEN: USDC}
MORE = "ask the owner to grant more: sessions new"
NEW = "ask the owner for a new session: sessions new"
OTHER_ARGUMENT = "change the job's call, or ask the owner for a session that allows it: sessions new"
AUTHOR = "the call is not encoded as the contracts read it: report it to the author of the job kind"
ON_TRANSFER = "on transfer of USDC"
DOLLARS = PolicyData(
    erc20_spending_limit.ADDRESS,
    erc20_spending_limit.encode(SpendingLimits((TokenLimit(TOKEN, 100_000_000),))),
)
CHEAP_GAS = PolicyData(simple_gas.ADDRESS, simple_gas.encode(SimpleGas(Gas(10**9), Wei(3 * 10**15))))


def a_rule(condition: Condition, offset: int, reference: int, limit: int | None = None) -> PolicyData:
    rule = Rule(condition, offset, reference.to_bytes(32, "big"), limit)
    return PolicyData(uni_action.ADDRESS, uni_action.encode(UniAction(Wei(0), (rule,))))


def a_tree(rule: Rule) -> PolicyData:
    rules = ArgRules(Wei(5), 0, (rule,), (Node(Kind.RULE),))
    return PolicyData(arg.ADDRESS, arg.encode(rules))


@dataclass(frozen=True)
class Case:
    text: str
    grant: Grant
    op: UserOperation = field(default_factory=an_operation)
    at: Timestamp = NOW
    used: int = 0
    reserved: int = 0
    part: str | None = None
    counters: Counters | None = None


AMOUNT_CAP = a_rule(Condition.LESS_OR_EQUAL, 32, 40_000_000)
SUM_CAP = a_rule(Condition.NOT_EQUAL, 32, 1, 90_000_000)
STRANGE = Call(OTHER, Wei(0), b"\x12\x34\x56\x78" + bytes(32))
PLACE = PolicyPlace(usage_limit.ADDRESS, Hash32(bytes(32)))


def with_state(grant: Grant, policy: PolicyData, state: object) -> Counters:
    """Return the counters with what one policy holds replaced."""
    now = seen(grant)
    copy = now.state.copy()
    (place,) = (place for place in copy.policies if place[0] == policy.policy)
    copy.policies[place] = state
    return replace(now, state=copy)


BOUNDLESS = TimeFrame(Timestamp(0), Timestamp(0))
ENDLESS = ArgState(
    ArgRules(Wei(0), 0, (Rule(Condition.EQUAL, 0, bytes(32)),), (Node(Kind.NOT, left=0),)), (0,)
)
NO_TREE = ArgState(ArgRules(Wei(0), 0, (), ()), ())
TREE = a_tree(Rule(Condition.EQUAL, 0, bytes(12) + PAYEE))

CASES = [
    Case(
        f"spending_limit (ERC20SpendingLimit {ON_TRANSFER}): 95.00 of 100.00 USDC used, 3.00 reserved, "
        f"this needs 10.00; {MORE}",
        a_grant(an_action(DOLLARS)),
        an_operation(a_transfer(10_000_000)),
        used=95_000_000,
        reserved=3_000_000,
        part=str(TOKEN),
    ),
    Case(
        f"spending_limit (ERC20SpendingLimit {ON_TRANSFER}): 0.00 of 100.00 USDC used, "
        f"60.00 taken by other calls of the operation, this needs 40.000001; {MORE}",
        a_grant(an_action(DOLLARS)),
        an_operation(a_transfer(60_000_000), a_transfer(40_000_001)),
    ),
    Case(
        f"usage_limit (UsageLimit on the operation): 2 of 3 uses used, 1 reserved, this needs 1; {MORE}",
        a_grant(on_operations=[USES]),
        used=2,
        reserved=1,
        part="",
    ),
    Case(
        f"value_limit (ValueLimit on a plain payment to {PAYEE}): 0 of 0.00000000000000005 ether used, "
        f"this needs 0.000000000000000051; {MORE}",
        a_grant(an_action(VALUE, selector=b"\xff" * 4, target=PAYEE)),
        an_operation(Call(PAYEE, Wei(51), b"")),
    ),
    Case(
        f"gas_limit (SimpleGas on the operation): 0 of 1000 gas used, 990 reserved, this needs 30; {MORE}",
        a_grant(on_operations=[GAS]),
        reserved=990,
        part="gas",
    ),
    Case(
        "cost_limit (SimpleGas on the operation): 0 of 0.003 ether used, this needs 0.004; "
        f"wait for lower fees, or {MORE}",
        a_grant(on_operations=[CHEAP_GAS]),
        an_operation(gas=1_000_000, max_fee=4 * 10**9),
    ),
    Case(
        f"argument_refused (UniAction {ON_TRANSFER}): the amount is 50.00 USDC, it must be at most "
        f"40.00 USDC; {OTHER_ARGUMENT}",
        a_grant(an_action(AMOUNT_CAP)),
        an_operation(a_transfer(50_000_000)),
    ),
    Case(
        f"argument_refused (UniAction {ON_TRANSFER}): the address is {OTHER}, it must be equal to {PAYEE}; "
        f"{OTHER_ARGUMENT}",
        a_grant(an_action(a_rule(Condition.EQUAL, 0, int.from_bytes(PAYEE, "big")))),
        an_operation(a_transfer(1, to=OTHER)),
    ),
    Case(
        f"argument_refused (UniAction on 0x12345678 of {OTHER}): the argument is 0, "
        f"it must be in the range 5 to 9; {OTHER_ARGUMENT}",
        a_grant(
            an_action(a_rule(Condition.IN_RANGE, 0, 5 << 128 | 9), selector=STRANGE.data[:4], target=OTHER)
        ),
        an_operation(STRANGE),
    ),
    Case(
        f"argument_limit (UniAction {ON_TRANSFER}): 0.00 of 90.00 USDC used, 50.00 reserved, "
        f"this needs 45.00; {MORE}",
        a_grant(an_action(SUM_CAP)),
        an_operation(a_transfer(45_000_000)),
        reserved=50_000_000,
        part="rule0",
    ),
    Case(
        f"argument_missing (UniAction {ON_TRANSFER}): the call has too few arguments for the session's rule: "
        "report it to the job kind's author",
        a_grant(an_action(AMOUNT_CAP)),
        an_operation(Call(TOKEN, Wei(0), a_transfer(1).data[:67])),
    ),
    Case(
        f"rule_unusable (UniAction {ON_TRANSFER}): the rule can never hold: {NEW}",
        a_grant(an_action(a_rule(Condition.EQUAL, 2**64 - 8, 0))),
    ),
    Case(
        f"value_per_use (UniAction {ON_TRANSFER}): what the call sends along is 0.000000000000000001 ether, "
        "it must be at most 0 ether; send less with each call, or ask the owner for a session that allows "
        "it: sessions new",
        a_grant(an_action(AMOUNT_CAP)),
        an_operation(replace(a_transfer(1), value_wei=Wei(1))),
    ),
    Case(
        f"no_rules (UniAction {ON_TRANSFER}): the action can never be used: {NEW}",
        a_grant(an_action(AMOUNT_CAP)),
        counters=with_state(a_grant(an_action(AMOUNT_CAP)), AMOUNT_CAP, UniAction(Wei(0), ())),
    ),
    Case(
        f"no_rules (Arg {ON_TRANSFER}): the action can never be used: {NEW}",
        a_grant(an_action(TREE)),
        counters=with_state(a_grant(an_action(TREE)), TREE, NO_TREE),
    ),
    Case(
        f"arguments_refused (Arg {ON_TRANSFER}): {OTHER_ARGUMENT}",
        a_grant(an_action(TREE)),
        an_operation(a_transfer(1, to=OTHER)),
    ),
    Case(
        f"rules_endless (Arg {ON_TRANSFER}): the session's rules refer to themselves or nest too deep: {NEW}",
        a_grant(an_action(TREE)),
        counters=with_state(a_grant(an_action(TREE)), TREE, ENDLESS),
    ),
    Case(
        f"value_not_allowed (ERC20SpendingLimit {ON_TRANSFER}): what the call sends along is "
        "0.000000000000000007 ether, it must be at most 0 ether; send no native currency with a token call",
        a_grant(an_action(SPENDING)),
        an_operation(replace(a_transfer(1), value_wei=Wei(7))),
    ),
    Case(
        f"malformed_token_call (ERC20SpendingLimit {ON_TRANSFER}): {AUTHOR}",
        a_grant(an_action(SPENDING)),
        an_operation(Call(TOKEN, Wei(0), a_transfer(1).data[:40])),
    ),
    Case(
        f"function_not_allowed (ERC20SpendingLimit on 0x12345678 of {OTHER}): only transfer, transferFrom "
        "and approve may be called here: change the job's call",
        a_grant(an_action(SPENDING, selector=STRANGE.data[:4], target=OTHER)),
        an_operation(STRANGE),
    ),
    Case(
        f"contract_not_listed (ContractWhitelist {ON_TRANSFER}): {TOKEN} is not on the session's list: "
        "ask the owner for a session that lists it",
        a_grant(
            an_action(
                PolicyData(contract_whitelist.ADDRESS, contract_whitelist.encode(ContractWhitelist((OTHER,))))
            )
        ),
    ),
    Case(
        f"not_granted (0x12345678 of {OTHER}): ask the owner for a session that grants this call: "
        "sessions new",
        a_grant(),
        an_operation(STRANGE),
    ),
    Case(
        f"self_call (0xe9ae5c53 of {ACCOUNT}): make the inner calls themselves: an account may not execute "
        "on itself",
        a_grant(),
        an_operation(Call(ACCOUNT, Wei(0), encode_execute([a_transfer(1)]))),
    ),
    Case(
        f"forbidden_target (a plain payment to {PSEUDO_TARGET}): name another contract in the job: "
        "the address one is none",
        a_grant(),
        an_operation(Call(PSEUDO_TARGET, Wei(0), b"")),
    ),
    Case(
        "paymaster_not_permitted: pay from the account, or ask the owner to permit a paymaster",
        a_grant(on_operations=[SUDO]),
        an_operation(paid_by=OTHER),
    ),
    Case(
        "paymaster_without_policy: with a paymaster the session needs a policy on operations: "
        "ask the owner for one",
        a_grant(permit_paymaster=True),
        an_operation(paid_by=OTHER),
    ),
    Case(
        "session_expired (TimeFrame on the operation): it ended at 2030-03-17 17:46:40 UTC; "
        "ask the owner for a session that lasts longer: sessions new",
        a_grant(on_operations=[TIME]),
        at=Timestamp(END + 1),
    ),
    Case(
        "session_not_started (TimeFrame on the operation): it begins at 2027-01-15 08:00:00 UTC; "
        "wait until its time frame begins",
        a_grant(on_operations=[PolicyData(time_frame.ADDRESS, time_frame.encode(TimeFrame(NOW, END)))]),
        at=Timestamp(NOW - 1),
    ),
    Case(
        f"time_frame_empty (TimeFrame on the operation): the time frame has no bounds and can never be "
        f"used: {NEW}",
        a_grant(on_operations=[TIME]),
        counters=with_state(a_grant(on_operations=[TIME]), TIME, BOUNDLESS),
    ),
    Case(f"malformed_call_data: {AUTHOR}", a_grant(), replace(an_operation(), call_data=b"\x01")),
    Case(
        "session_not_enabled: ask the owner to grant the session: sessions grant",
        a_grant(),
        counters=Counters(enabled=False),
    ),
    Case(
        "session_changed (UsageLimit on the operation): the session on chain is not the one in the file: "
        "let the owner remove it and grant it anew",
        a_grant(),
        counters=replace(seen(a_grant()), foreign=(PLACE,)),
    ),
    Case(
        "policy_unreadable (UsageLimit on the operation): its counters could not be read: "
        "check the RPC node and the policy's address",
        a_grant(),
        counters=replace(seen(a_grant()), unreadable=(PLACE,)),
    ),
]


def told(case: Case) -> tuple[Violation, ...]:
    now = case.counters or seen(case.grant)
    reserved = {}
    if case.part is not None:
        reserved[key_of(case.grant, case.part)] = case.reserved
        if case.used:
            now = used_up(case, now)
    verdict = Checker(case.grant).decide(now, reserved, case.op, case.at)
    assert isinstance(verdict, Blocked)
    return verdict.violations


def used_up(case: Case, now: Counters) -> Counters:
    copy = now.state.copy()
    for use in limits(case.grant, now):
        place = use.key.policy, use.key.config_id
        if use.key.part == case.part:
            charge = Charge(use.key.part, case.used)
            copy.policies[place] = POLICIES[place[0]].charged(copy.policies[place], charge)
    return replace(now, state=copy)
