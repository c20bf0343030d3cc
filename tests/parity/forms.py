"""Sessions and their parts as the SDKs write them: camel case, hex text, bigints as "12n"."""

from collections.abc import Iterable
from typing import Any

from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address
from agent.smart_sessions.policies.uni_action import MAX_RULES, Rule, UniAction

Form = dict[str, Any]

_SAFE_INTEGER = 2**53
NO_RULE: Form = {
    "condition": 0,
    "offset": "0n",
    "isLimited": False,
    "ref": "0x" + "00" * 32,
    "usage": {"limit": "0n", "used": "0n"},
}


def text(data: bytes) -> str:
    """Write bytes as hex."""
    return "0x" + data.hex()


def big(number: int) -> str:
    """Write a bigint."""
    return f"{number}n"


def session(value: Session, chain_id: int = 1) -> Form:
    """Write a session."""
    return {
        "sessionValidator": text(value.session_validator),
        "sessionValidatorInitData": text(value.session_validator_init_data),
        "salt": text(value.salt),
        "userOpPolicies": policies(value.user_op_policies),
        "erc7739Policies": rights(value.erc7739_policies),
        "actions": actions(value.actions),
        "permitERC4337Paymaster": value.permit_erc4337_paymaster,
        "chainId": big(chain_id),
    }


def policies(values: Iterable[PolicyData]) -> list[Form]:
    """Write policies."""
    return [policy(value) for value in values]


def policy(value: PolicyData) -> Form:
    """Write a policy."""
    return {"policy": text(value.policy), "initData": text(value.init_data)}


def actions(values: Iterable[ActionData]) -> list[Form]:
    """Write actions."""
    return [
        {
            "actionTargetSelector": text(value.action_target_selector),
            "actionTarget": text(value.action_target),
            "actionPolicies": policies(value.action_policies),
        }
        for value in values
    ]


def rights(value: ERC7739Data) -> Form:
    """Write what a session may sign off chain."""
    return {
        "allowedERC7739Content": contexts(value.allowed_erc7739_content),
        "erc1271Policies": policies(value.erc1271_policies),
    }


def contexts(values: Iterable[ERC7739Context]) -> list[Form]:
    """Write contents."""
    return [
        {"appDomainSeparator": text(value.app_domain_separator), "contentName": list(value.content_names)}
        for value in values
    ]


def uni_action(config: UniAction) -> Form:
    """Write the rules of UniAction as module-sdk takes them: always sixteen."""
    rules = [rule(item) for item in config.rules]
    return {
        "valueLimitPerUse": big(config.value_limit_per_use_wei),
        "paramRules": {"length": big(len(rules)), "rules": rules + [NO_RULE] * (MAX_RULES - len(rules))},
    }


def rule(value: Rule) -> Form:
    """Write one rule."""
    return {
        "condition": int(value.condition),
        "offset": big(value.offset),
        "isLimited": value.limit is not None,
        "ref": text(value.reference),
        "usage": {"limit": big(value.limit or 0), "used": big(value.used)},
    }


def addresses(values: Iterable[Address]) -> list[str]:
    """Write addresses without checksums."""
    return [text(value) for value in values]
