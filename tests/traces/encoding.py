"""The calldata that the recorder of the golden traces sent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eth_abi.abi import encode

from agent.domain.keccak import keccak256

SMART_SESSION = "0x00000000008bDABA73cD9815d79069c247Eb4bDA"

Step = Mapping[str, Any]

POLICIES = "(address,bytes)[]"
ACTIONS = f"(bytes4,address,{POLICIES})[]"
SESSION = f"(address,bytes,bytes32,{POLICIES},((bytes32,string[])[],{POLICIES}),{ACTIONS},bool)"
OPERATION = "(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)"
OPERATION_DEFAULTS: Mapping[str, Any] = {
    "nonce": 0,
    "initCode": "0x",
    "paymasterAndData": "0x",
    "verificationGasLimit": 500_000,
    "callGasLimit": 500_000,
    "preVerificationGas": 50_000,
    "maxFeePerGas": 1_000_000_000,
    "maxPriorityFeePerGas": 1_000_000_000,
}


def call(name: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode a call with canonical ABI encoding."""
    return keccak256(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)


def raw(text: str) -> bytes:
    """Read 0x-hex."""
    return bytes.fromhex(text[2:])


def step_call(sequence: Step, step: Step) -> bytes:
    """Encode the call a step made to SmartSession."""
    kind = step["kind"]
    if kind == "op":
        return _validate_user_op(sequence, step)
    if kind == "enable":
        sessions = step.get("sessions", [step.get("session", sequence["session"])])
        return call("enableSessions", [f"{SESSION}[]"], [[_session(session) for session in sessions]])
    name, types, values = MANAGEMENT[kind]
    permission_id = raw(step.get("permission_id", sequence["permission_id"]))
    return call(name, ["bytes32", *types], [permission_id, *values(step)])


def _validate_user_op(sequence: Step, step: Step) -> bytes:
    op = {"sender": sequence["account"], **OPERATION_DEFAULTS, **step["op"]}
    values = (
        op["sender"],
        _number(op["nonce"]),
        raw(op["initCode"]),
        raw(op["callData"]),
        _halves(op["verificationGasLimit"], op["callGasLimit"]),
        _number(op["preVerificationGas"]),
        _halves(op["maxPriorityFeePerGas"], op["maxFeePerGas"]),
        raw(op["paymasterAndData"]),
        raw(step["signature"]),
    )
    return call("validateUserOp", [OPERATION, "bytes32"], [values, raw(step["user_op_hash"])])


def _session(session: Mapping[str, Any]) -> tuple[Any, ...]:
    content = session["erc7739Policies"]
    return (
        session["sessionValidator"],
        raw(session["sessionValidatorInitData"]),
        raw(session["salt"]),
        _policies(session["userOpPolicies"]),
        (
            [(raw(c["appDomainSeparator"]), c["contentNames"]) for c in content["allowedERC7739Content"]],
            _policies(content["erc1271Policies"]),
        ),
        _actions(session["actions"]),
        session["permitERC4337Paymaster"],
    )


def _policies(policies: Sequence[Mapping[str, str]]) -> list[tuple[str, bytes]]:
    return [(item["policy"], raw(item["initData"])) for item in policies]


def _actions(actions: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, str, list[tuple[str, bytes]]]]:
    return [
        (raw(item["actionTargetSelector"]), item["actionTarget"], _policies(item["actionPolicies"]))
        for item in actions
    ]


MANAGEMENT: Mapping[str, tuple[str, Sequence[str], Callable[[Step], Sequence[Any]]]] = {
    "remove": ("removeSession", [], lambda _step: []),
    "disable_action": ("disableActionId", ["bytes32"], lambda step: [raw(step["action_id"])]),
    "disable_action_policies": (
        "disableActionPolicies",
        ["bytes32", "address[]"],
        lambda step: [raw(step["action_id"]), step["policies"]],
    ),
    "disable_userop_policies": ("disableUserOpPolicies", ["address[]"], lambda step: [step["policies"]]),
    "enable_action_policies": (
        "enableActionPolicies",
        [ACTIONS],
        lambda step: [_actions(step["actions"])],
    ),
    "enable_userop_policies": (
        "enableUserOpPolicies",
        [POLICIES],
        lambda step: [_policies(step["policies"])],
    ),
    "set_paymaster": ("setPermit4337Paymaster", ["bool"], lambda step: [step["permit"]]),
}
"""By kind of step: the function, the types and the values of its arguments after the permission id."""


def _number(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _halves(high: int | str, low: int | str) -> bytes:
    return _number(high).to_bytes(16) + _number(low).to_bytes(16)
