"""Random questions to the SDKs, each with the agent's own answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from agent.erc7579.accounts import KERNEL, NEXUS, REFERENCE, SAFE7579, AccountKind, nonce_key
from agent.erc7579.accounts import enable_owner_signature as owner_signature
from agent.erc7579.modules import install_validator_call
from agent.smart_sessions import fastlz
from agent.smart_sessions.addresses import OWNABLE_VALIDATOR, SMART_SESSION
from agent.smart_sessions.encoding import (
    disable_action_policies_call,
    disable_erc1271_policies_call,
    disable_user_op_policies_call,
    enable_action_policies_call,
    enable_erc1271_policies_call,
    enable_sessions_call,
    enable_user_op_policies_call,
    install_data,
    remove_session_call,
)
from agent.smart_sessions.ids import action_id, permission_id
from agent.smart_sessions.policy_codec import SUDO, policy_data
from agent.smart_sessions.signature import (
    owners_init_data,
)
from agent.smart_sessions.views import enable_nonce_call, is_permission_enabled_call
from tests.parity import dice, forms
from tests.parity.forms import big, text
from tests.parity.sdks import MODULE_SDK, STARTALE, Question

ACCOUNT_TYPES = {NEXUS: "nexus", KERNEL: "kernel", SAFE7579: "safe", REFERENCE: "erc7579-implementation"}
_CALL = ["target", "data"]
_POLICY = ["policy", "initData"]


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what the agent says."""

    question: Question
    ours: Any


Cases = Iterator[Case]


def case(name: str, args: list[Any], ours: object, pick: object = None, sdk: str = MODULE_SDK) -> Case:
    """Return a case whose answer is bytes, or whatever JSON writes."""
    return Case(Question(sdk, name, args, pick), text(ours) if isinstance(ours, bytes) else ours)


def shared(random: Random) -> str:
    """Return one of the two SDKs that export the same function."""
    return random.choice((MODULE_SDK, STARTALE))


def permission_ids(random: Random) -> Cases:
    session = dice.a_session(random)
    yield case("getPermissionId", [{"session": forms.session(session)}], permission_id(session))


def action_ids(random: Random) -> Cases:
    target, selector = dice.an_address(random), dice.a_selector(random)
    yield case(
        "getActionId", [{"target": text(target), "selector": text(selector)}], action_id(target, selector)
    )


def policies(random: Random) -> Cases:
    sdk = shared(random)
    spending, frame = dice.spending_limits(random), dice.a_time_frame(random)
    tokens = [{"token": text(item.token), "limit": big(item.limit)} for item in spending.limits]
    yield _policy("getSpendingLimitsPolicy", tokens, policy_data(spending), sdk)
    window = {"validUntil": frame.valid_until, "validAfter": frame.valid_after}
    yield _policy("getTimeFramePolicy", window, policy_data(frame), MODULE_SDK)
    uses = dice.a_usage_limit(random)
    yield _policy("getUsageLimitPolicy", {"limit": big(uses.limit)}, policy_data(uses), sdk)
    value = dice.a_value_limit(random)
    yield _policy("getValueLimitPolicy", {"limit": big(value.limit_wei)}, policy_data(value), sdk)
    rules = dice.a_uni_action(random)
    yield _policy("getUniversalActionPolicy", forms.uni_action(rules), policy_data(rules), sdk)


def sudo(random: Random) -> Cases:
    yield _policy("getSudoPolicy", {}, SUDO, shared(random))


def _policy(name: str, argument: object, ours: Any, sdk: str) -> Case:  # noqa: ANN401 - PolicyData
    return case(name, [argument], [text(ours.policy), text(ours.init_data)], _POLICY, sdk)


def compression(random: Random) -> Cases:
    """Runs and repeats are what matches are made of."""
    parts = bytearray()
    for _ in range(random.randint(0, 12)):
        kind = random.randint(0, 3)
        if kind == 0:
            parts += random.randbytes(random.randint(1, 60))
        elif kind == 1:
            parts += bytes(random.randint(1, 600))
        elif kind == 2:
            parts += random.randbytes(random.randint(1, 5)) * random.randint(1, 120)
        elif parts:
            start = random.randrange(len(parts))
            parts += parts[start : start + random.randint(1, 900)]
    yield case("LibZip.flzCompress", [text(bytes(parts))], fastlz.compress(bytes(parts)), sdk="solady")


def installation(random: Random) -> Cases:
    sessions = [dice.a_session(random) for _ in range(random.randint(1, 3))]
    argument = {"sessions": [forms.session(session) for session in sessions]}
    yield case("getSmartSessionsValidator", [argument], install_data(sessions), "initData", shared(random))


def management(random: Random) -> Cases:
    permission, action = dice.a_hash(random), dice.a_hash(random)
    sessions = [dice.a_session(random) for _ in range(random.randint(1, 2))]
    policies, actions = dice.some_policies(random), (dice.an_action(random),)
    addresses = [item.policy for item in policies]
    rights = dice.a_session(random).erc7739_policies
    contexts = rights.allowed_erc7739_content
    forms_of = {"permissionId": text(permission)}
    yield _call(
        "getEnableSessionsAction",
        {"sessions": list(map(forms.session, sessions))},
        enable_sessions_call(sessions),
    )
    yield _call("getRemoveSessionAction", forms_of, remove_session_call(permission))
    yield _call(
        "getEnableUserOpPoliciesAction",
        forms_of | {"userOpPolicies": forms.policies(policies)},
        enable_user_op_policies_call(permission, policies),
    )
    yield _call(
        "getDisableUserOpPoliciesAction",
        forms_of | {"userOpPolicies": forms.addresses(addresses)},
        disable_user_op_policies_call(permission, addresses),
    )
    yield _call(
        "getEnableERC1271PoliciesAction",
        forms_of | {"erc1271Policies": forms.rights(rights)},
        enable_erc1271_policies_call(permission, rights),
    )
    yield _call(
        "getDisableERC1271PoliciesAction",
        forms_of | {"policies": forms.addresses(addresses), "contents": forms.contexts(contexts)},
        disable_erc1271_policies_call(permission, addresses, contexts),
    )
    yield _call(
        "getEnableActionPoliciesAction",
        forms_of | {"actionPolicies": forms.actions(actions)},
        enable_action_policies_call(permission, actions),
    )
    yield _call(
        "getDisableActionPoliciesAction",
        forms_of | {"actionId": text(action), "policies": forms.addresses(addresses)},
        disable_action_policies_call(permission, action, addresses),
    )


def _call(name: str, argument: forms.Form, ours: bytes) -> Case:
    return case(name, [argument], [text(SMART_SESSION), text(ours)], _CALL)


def views(random: Random) -> Cases:
    """The client returns the call data it is asked with."""
    permission, account = dice.a_hash(random), dice.an_address(random)
    argument = {
        "client": {"$client": {"chainId": 1}},
        "account": text(account),
        "permissionId": text(permission),
    }
    yield case("getSessionNonce", [argument], enable_nonce_call(permission, account))
    yield case("isSessionEnabled", [argument], is_permission_enabled_call(permission, account))


def validators(random: Random) -> Cases:
    threshold, owners = dice.some_owners(random)
    shuffled = random.sample(owners, len(owners))
    ours = owners_init_data(threshold, owners)
    argument = {"threshold": threshold, "owners": forms.addresses(shuffled)}
    yield case(
        "getOwnableValidator", [argument], [text(OWNABLE_VALIDATOR), text(ours)], ["address", "initData"]
    )
    yield case("encodeValidationData", [argument], ours, sdk=shared(random))
    pieces = [random.randbytes(65) for _ in range(threshold)]
    argument = {"signatures": [text(piece) for piece in pieces]}
    yield case("getOwnableValidatorSignature", [argument], b"".join(pieces), sdk=shared(random))


def accounts(random: Random) -> Cases:
    """Nonce keys, wrapped owner signatures and installations, where the SDK has them right."""
    validator, signature = dice.an_address(random), dice.some_bytes(random)
    for kind, account_type in ACCOUNT_TYPES.items():
        account = an_account(kind, dice.an_address(random))
        argument = {"account": account, "validator": text(validator)}
        if account_type in {"safe", "erc7579-implementation"}:
            yield case("encodeValidatorNonce", [argument], big(nonce_key(kind, validator, 0)))
        ours = owner_signature(kind, validator, signature)
        yield case("encode1271Signature", [argument | {"signature": text(signature)}], ours)
        digest = dice.a_hash(random)
        hashed = argument | {"chainId": 1, "hash": text(digest)}
        yield case("encode1271Hash", [hashed], digest)
        if kind is not KERNEL:
            yield _installed(kind, account, dice.some_bytes(random))


def _installed(kind: AccountKind, account: forms.Form, init_data: bytes) -> Case:
    module = {"address": text(SMART_SESSION), "initData": text(init_data), "type": "validator"}
    ours = install_validator_call(kind, SMART_SESSION, init_data)
    return case("encodeModuleInstallationData", [{"account": account, "module": module}], ours)


def an_account(kind: AccountKind, address: bytes) -> forms.Form:
    """Write an account as module-sdk takes it."""
    return {"address": text(address), "type": ACCOUNT_TYPES[kind], "deployedOnChains": [1]}


MAKERS: dict[Callable[[Random], Cases], int] = {
    permission_ids: 500,
    action_ids: 300,
    policies: 200,
    sudo: 2,
    compression: 250,
    installation: 120,
    management: 80,
    views: 100,
    validators: 200,
    accounts: 40,
}
"""How many times each is asked."""
