"""How the recorded views of the golden traces are asked for, and how their answers read."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from eth_abi.abi import decode

from agent.domain.keccak import keccak256
from agent.domain.units import Address
from tests.traces.encoding import SMART_SESSION, raw

UNI_ACTION_POLICY = "0x0000000000714Cf48FcF88A0bFBa70d313415032"


def view_call(account: str, view: Mapping[str, Any]) -> bytes:
    """Encode the call that reads a recorded view."""
    name, args = view["view"], view["args"]
    if name == "isPermissionEnabled":
        return _static_call(name, ("bytes32", "address"), view["permission_id"], account)
    if "permission_id" in view:
        types = ("address", "bytes32", *["bytes32"] * len(args))
        return _static_call(name, types, account, view["permission_id"], *args)
    where = [args[0], account] if name == "getPolicyData" else [account, *args]
    types = ("bytes32", "address", *["address"] * len(where))
    return _static_call(name, types, view["config_id"], SMART_SESSION, *where)


def _static_call(name: str, types: tuple[str, ...], *values: str) -> bytes:
    # Addresses and hashes are one word each: the general encoder takes half of the replay's time for them.
    return _selector(name, types) + b"".join(raw(value).rjust(32, b"\0") for value in values)


@cache
def _selector(name: str, types: tuple[str, ...]) -> bytes:
    return keccak256(f"{name}({','.join(types)})".encode())[:4]


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
