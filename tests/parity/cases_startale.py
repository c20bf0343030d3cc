"""Random questions to Startale's SDK: what it makes itself, beyond what it passes on from module-sdk."""

from dataclasses import dataclass
from random import Random

from coincurve import PrivateKey

from agent.domain.session import ActionData, PolicyData, Session
from agent.domain.units import UINT256_MAX, Address, Wei
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR_BETA, SMART_SESSION
from agent.smart_sessions.digest import DOMAIN_SEPARATOR, multichain_digest, multichain_hash
from agent.smart_sessions.encoding import enable_sessions_call
from agent.smart_sessions.ids import permission_id
from agent.smart_sessions.policies.uni_action import Rule, UniAction
from agent.smart_sessions.policies.value_limit import ValueLimit
from agent.smart_sessions.policy_codec import SUDO, policy_data
from agent.smart_sessions.signature import SignatureFlavour, owners_init_data, signed_hash, use_signature
from tests.parity import dice, forms
from tests.parity.cases import Cases, case
from tests.parity.cases_signing import Signed
from tests.parity.forms import Form, big, text
from tests.parity.sdks import STARTALE

WORD = 32


def rules(random: Random) -> Cases:
    """Offsets are counted in words there."""
    config = _words(random)
    limit = config.value_limit_per_use_wei
    arguments = [[_rule(item) for item in config.rules], big(limit)]
    yield case("toActionConfig", arguments, policy_data(config).init_data, "initData", STARTALE)


def permissions(random: Random) -> Cases:
    """A whole session, from what an application asks for to the call that enables it."""
    key, frame = dice.an_address(random), dice.a_time_frame(random)
    wanted = [_Wanted.random(random) for _ in range(random.randint(1, 3))]
    paymaster = random.random() < 0.5
    session = Session(
        session_validator=OWNABLE_VALIDATOR_BETA,
        session_validator_init_data=owners_init_data(1, [key]),
        salt=dice.a_hash(random),
        user_op_policies=(policy_data(frame),),
        actions=tuple(item.action for item in wanted),
        permit_erc4337_paymaster=paymaster,
    )
    request = {
        "sessionPublicKey": text(key),
        "salt": text(session.salt),
        "sessionValidUntil": frame.valid_until,
        "sessionValidAfter": frame.valid_after,
        "actionPoliciesInfo": [item.form for item in wanted],
    }
    ours = [[text(permission_id(session))], text(SMART_SESSION), text(enable_sessions_call([session]))]
    pick = ["permissionIds", "action.target", "action.callData"]
    yield case("smartSessionCreateActions", [1, [request], paymaster], ours, pick, STARTALE)


def signatures(random: Random) -> Cases:
    """A session key signs as this SDK's build of the validator wants it."""
    key, permission, digest = random.randbytes(32), dice.a_hash(random), dice.a_hash(random)
    signed = PrivateKey(key).sign_recoverable(signed_hash(digest, SignatureFlavour.PERSONAL), hasher=None)
    ours = use_signature(permission, signed[:64] + bytes([27 + signed[64]]))
    arguments = [{"$signer": text(key)}, text(permission), text(digest)]
    yield case("toSmartSessionsValidator", arguments, ours, sdk=STARTALE)


def wrapped_hashes(random: Random) -> Cases:
    entries = [Signed.random(random).chain_digest for _ in range(random.randint(1, 2))]
    arguments = [text(multichain_hash(entries)), text(DOMAIN_SEPARATOR)]
    yield case("eip712WrapHash", arguments, multichain_digest(entries), sdk=STARTALE)


def installation(_: Random) -> Cases:
    ours = [text(SMART_SESSION), "0x"]
    yield case("getUsePermissionModuleInitData", [], ours, ["address", "initData"], STARTALE)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One function an application asks for, and the action that comes of it."""

    form: Form
    action: ActionData

    @classmethod
    def random(cls, random: Random) -> "_Wanted":
        target, selector, frame = dice.an_address(random), random.randbytes(4), dice.a_time_frame(random)
        form: Form = {
            "contractAddress": text(target),
            "functionSelector": text(selector),
            "validUntil": frame.valid_until,
            "validAfter": frame.valid_after,
        }
        policies = [policy_data(frame), *_limits(random, form)]
        return cls(form, ActionData(selector, Address(target), tuple(policies)))


def _limits(random: Random, form: Form) -> list[PolicyData]:
    policies = []
    value = Wei(dice.a_number(random, UINT256_MAX, least=1)) if random.random() < 0.4 else Wei(0)
    if random.random() < 0.6:
        rules = _words(random).rules
        form["rules"] = [_rule(item) for item in rules]
        policies.append(policy_data(UniAction(value, rules)))
    else:
        policies.append(SUDO)
    if value:
        form["valueLimit"] = big(value)
        policies.append(policy_data(ValueLimit(value)))
    if random.random() < 0.5:
        uses = dice.a_usage_limit(random)
        form["usageLimit"] = big(uses.limit)
        policies.append(policy_data(uses))
    if random.random() < 0.5:
        spending = dice.spending_limits(random)
        form["tokenLimits"] = [{"token": text(i.token), "limit": big(i.limit)} for i in spending.limits]
        policies.append(policy_data(spending))
    return policies


def _words(random: Random) -> UniAction:
    config = dice.a_uni_action(random)
    placed = (
        Rule(rule.condition, WORD * random.randint(0, 40), rule.reference, rule.limit, rule.used)
        for rule in config.rules
    )
    return UniAction(config.value_limit_per_use_wei, tuple(placed))


def _rule(rule: Rule) -> Form:
    form = forms.rule(rule)
    is_address = rule.reference[:12] == bytes(12)
    return {
        "condition": form["condition"],
        "offsetIndex": rule.offset // WORD,
        "isLimited": form["isLimited"],
        "ref": text(rule.reference[12:] if is_address else rule.reference),
        "usage": form["usage"],
    }


MAKERS = {rules: 120, permissions: 200, signatures: 120, wrapped_hashes: 60, installation: 1}
