"""Random questions to Rhinestone's SDK, whose sessions live on another module but speak the same policies."""

from random import Random

from eth_abi.abi import decode

from agent.domain.p256 import P256Point
from agent.domain.units import Hash32, Timestamp
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR
from agent.smart_sessions.ids import permission_id_of
from agent.smart_sessions.owners.passkey import PasskeyOwner
from agent.smart_sessions.owners.passkey_data import ACCOUNT, PasskeyData
from agent.smart_sessions.policies import time_frame
from agent.smart_sessions.policies.expression import And, Expression, Not, Or, compiled
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.policy_codec import policy_data
from agent.smart_sessions.signature import owners_init_data, use_signature
from tests.parity import dice
from tests.parity.cases import Case, Cases, case
from tests.parity.forms import Form, big, text
from tests.parity.sdks import RHINESTONE_PASSKEYS, RHINESTONE_SESSIONS

CHAIN_ID = 8453
NO_SALT = Hash32(bytes(32))
_LATEST = 2**42
"""In seconds: milliseconds must fit into a JavaScript number."""
CONDITIONS = {
    Condition.EQUAL: "equal",
    Condition.GREATER_THAN: "greaterThan",
    Condition.LESS_THAN: "lessThan",
    Condition.GREATER_OR_EQUAL: "greaterThanOrEqual",
    Condition.LESS_OR_EQUAL: "lessThanOrEqual",
    Condition.NOT_EQUAL: "notEqual",
    Condition.IN_RANGE: "inRange",
}
_ASSERTION = "(bytes,string,uint256,uint256,uint256,uint256)[]"
_FIELDS = ("authenticatorData", "clientDataJSON", "challengeIndex", "typeIndex", "r", "s")


def policies(random: Random) -> Cases:
    spending, uses = dice.spending_limits(random), dice.a_usage_limit(random)
    limits = [{"token": text(item.token), "amount": big(item.limit)} for item in spending.limits]
    yield _policy({"type": "spending-limits", "limits": limits}, policy_data(spending).init_data)
    yield _policy({"type": "usage-limit", "limit": big(uses.limit)}, policy_data(uses).init_data)
    value = dice.a_value_limit(random)
    yield _policy({"type": "value-limit", "limit": big(value.limit_wei)}, policy_data(value).init_data)
    yield _policy(*_window(random))
    rules = dice.a_uni_action(random, unused=True)
    form = {"rules": list(map(_rule, rules.rules)), "valueLimitPerUse": big(rules.value_limit_per_use_wei)}
    yield _policy({"type": "universal-action"} | form, policy_data(rules).init_data)


def expressions(random: Random) -> Cases:
    expression, value = dice.an_expression(random), dice.a_value_limit(random).limit_wei
    tree = policy_data(compiled(expression, value))
    form = {"type": "arg-policy", "expression": _expression(expression), "valueLimitPerUse": big(value)}
    yield case(
        "getPolicyData",
        [form],
        [text(tree.policy), text(tree.init_data)],
        ["policy", "initData"],
        RHINESTONE_SESSIONS,
    )


def sessions(random: Random) -> Cases:
    """Of a session: who signs, its permission id, and a signature that uses it."""
    threshold, owners = dice.some_owners(random)
    shuffled = [{"address": text(owner)} for owner in random.sample(owners, len(owners))]
    session = {
        "chain": {"id": CHAIN_ID},
        "owners": {"type": "ecdsa", "accounts": shuffled, "threshold": threshold},
    }
    init_data = owners_init_data(threshold, owners)
    permission = permission_id_of(OWNABLE_VALIDATOR, init_data, NO_SALT)
    yield case("getPermissionId", [session], permission, sdk=RHINESTONE_SESSIONS)
    pick = ["sessionValidator", "sessionValidatorInitData", "salt"]
    ours = [text(OWNABLE_VALIDATOR), text(init_data), text(NO_SALT)]
    yield case("getSessionData", [session], ours, pick, RHINESTONE_SESSIONS)
    inner = random.randbytes(65 * threshold)
    signers = {"type": "experimental_session", "session": session, "verifyExecutions": True}
    field = use_signature(permission, inner)
    yield case("packSignature", [signers, text(inner)], field, sdk=RHINESTONE_SESSIONS)


def passkeys(random: Random) -> Cases:
    """Credential ids, and the assertion a session's passkey signs with."""
    point = P256Point(random.getrandbits(256), random.getrandbits(256))
    data = PasskeyData(point, use_precompile=random.random() < 0.5)
    arguments = [big(point.x), big(point.y), text(ACCOUNT.to_bytes(20, "big"))]
    yield case("generateCredentialId", arguments, data.credential_id, sdk=RHINESTONE_PASSKEYS)
    owner, digest = PasskeyOwner(data), dice.a_hash(random)
    ours = owner.assemble(digest, {owner.keys[0]: random.randbytes(64)})
    account = {"publicKey": text(point.encoded)}
    ((assertion,),) = decode([_ASSERTION], ours)
    form = dict(zip(_FIELDS, map(_written, assertion), strict=True))
    yield case("packStatelessSignature", [[account], [account], [form]], ours, sdk=RHINESTONE_PASSKEYS)


def _written(value: bytes | str | int) -> str:
    if isinstance(value, bytes):
        return text(value)
    return big(value) if isinstance(value, int) else value


def _policy(form: Form, init_data: bytes) -> Case:
    return case("getPolicyData", [form], init_data, "initData", RHINESTONE_SESSIONS)


def _window(random: Random) -> tuple[Form, bytes]:
    until = dice.a_number(random, _LATEST, least=1)
    frame = TimeFrame(Timestamp(random.randint(0, until)), Timestamp(until))
    form = {"type": "time-frame", "validUntil": until * 1000 + 999, "validAfter": frame.valid_after * 1000}
    return form, time_frame.encode_legacy(frame)


def _rule(rule: Rule) -> Form:
    form = {
        "condition": CONDITIONS[rule.condition],
        "calldataOffset": big(rule.offset),
        "referenceValue": text(rule.reference),
    }
    return form if rule.limit is None else form | {"usageLimit": big(rule.limit)}


def _expression(expression: Expression) -> Form:
    match expression:
        case Rule():
            return {"type": "rule", "rule": _rule(expression)}
        case Not(inner):
            return {"type": "not", "child": _expression(inner)}
        case And(left, right) | Or(left, right):
            name = "and" if isinstance(expression, And) else "or"
            return {"type": name, "left": _expression(left), "right": _expression(right)}


MAKERS = {policies: 80, expressions: 250, sessions: 100, passkeys: 60}
