"""The calldata that the recorder of the golden traces sent, and how its view answers read."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode

from agent.domain.keccak import keccak256
from agent.domain.units import Address

SMART_SESSION = "0x00000000008bDABA73cD9815d79069c247Eb4bDA"
UNI_ACTION_POLICY = "0x0000000000714Cf48FcF88A0bFBa70d313415032"

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


def step_call(sequence: Mapping[str, Any], step: Mapping[str, Any]) -> bytes:
    """Encode the call a step made to SmartSession."""
    kind = step["kind"]
    if kind == "op":
        return _validate_user_op(sequence, step)
    if kind == "enable":
        sessions = step.get("sessions", [step.get("session", sequence["session"])])
        return call("enableSessions", [f"{SESSION}[]"], [[_session(session) for session in sessions]])
    permission_id = raw(step.get("permission_id", sequence["permission_id"]))
    name, types, values = _management(kind, step)
    return call(name, ["bytes32", *types], [permission_id, *values])


def _management(kind: str, step: Mapping[str, Any]) -> tuple[str, list[str], list[Any]]:
    match kind:
        case "remove":
            return "removeSession", [], []
        case "disable_action":
            return "disableActionId", ["bytes32"], [raw(step["action_id"])]
        case "disable_action_policies":
            values = [raw(step["action_id"]), step["policies"]]
            return "disableActionPolicies", ["bytes32", "address[]"], values
        case "disable_userop_policies":
            return "disableUserOpPolicies", ["address[]"], [step["policies"]]
        case "enable_action_policies":
            return "enableActionPolicies", [ACTIONS], [_actions(step["actions"])]
        case "enable_userop_policies":
            return "enableUserOpPolicies", [POLICIES], [_policies(step["policies"])]
        case "set_paymaster":
            return "setPermit4337Paymaster", ["bool"], [step["permit"]]
    raise ValueError(f"unknown kind of step: {kind}")


def _validate_user_op(sequence: Mapping[str, Any], step: Mapping[str, Any]) -> bytes:
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


def _number(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _halves(high: int | str, low: int | str) -> bytes:
    return _number(high).to_bytes(16) + _number(low).to_bytes(16)


def view_call(account: str, view: Mapping[str, Any]) -> bytes:
    """Encode the call that reads a recorded view."""
    name, args = view["view"], view["args"]
    if name == "isPermissionEnabled":
        return call(name, ["bytes32", "address"], [raw(view["permission_id"]), account])
    if name in {"getUserOpPolicies", "getEnabledActions"}:
        return call(name, ["address", "bytes32"], [account, raw(view["permission_id"])])
    if name == "getActionPolicies":
        values = [account, raw(view["permission_id"]), raw(args[0])]
        return call(name, ["address", "bytes32", "bytes32"], values)
    config_id = raw(view["config_id"])
    if name == "getPolicyData":
        types = ["bytes32", "address", "address", "address"]
        return call(name, types, [config_id, SMART_SESSION, args[0], account])
    types = ["bytes32", "address", "address", *["address"] * len(args)]
    return call(name, types, [config_id, SMART_SESSION, account, *args])


def view_value(view: Mapping[str, Any], answer: bytes) -> Any:  # noqa: ANN401 - JSON of many shapes
    """Read an answer in the form the traces record."""
    match view["view"]:
        case "isPermissionEnabled" | "isContractWhitelisted":
            return decode(["bool"], answer)[0]
        case "getUserOpPolicies" | "getActionPolicies":
            return [str(Address.from_hex(item)) for item in decode(["address[]"], answer)[0]]
        case "getEnabledActions":
            return ["0x" + item.hex() for item in decode(["bytes32[]"], answer)[0]]
        case "getTimeFrameConfig":
            return hex(int.from_bytes(answer))
        case "actionConfigs":
            return _uni_config(answer) if view["policy"] == UNI_ACTION_POLICY else _arg_config(answer)
    return [hex(int.from_bytes(answer[i : i + 32])) for i in range(0, len(answer), 32)]


def _uni_config(answer: bytes) -> dict[str, Any]:
    """Extract the limit, the number of rules and what each live rule has used."""
    words = [int.from_bytes(answer[i : i + 32]) for i in range(0, len(answer), 32)]
    used = [hex(words[2 + 6 * rule + 5]) for rule in range(words[1])]
    return {"valueLimitPerUse": hex(words[0]), "length": words[1], "used": used}


def _arg_config(answer: bytes) -> dict[str, Any]:
    """Extract the limit, the shape of the tree and what each rule has used."""
    rule = "(uint8,uint64,bool,bytes32,(uint256,uint256))"
    value_limit, (root, rules, nodes) = decode(["uint256", f"(uint8,{rule}[],uint256[])"], answer)
    used = [hex(item[4][1]) for item in rules]
    return {"valueLimitPerUse": hex(value_limit), "rootNodeIndex": root, "nodes": len(nodes), "used": used}
