"""The off-chain model as a backend of the replay."""

from collections.abc import Callable
from typing import Any

from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import SMART_SESSION
from agent.smart_sessions.management import Management
from agent.smart_sessions.model import Model
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.reverts import Revert
from agent.smart_sessions.session_json import actions_from_json, policies_from_json, session_from_json
from tests.traces.backend import Result, Sequence, Step, packed_operation, user_op_hash

INVALID_TOKEN_ADDRESS = "0x73306803"


class ModelBackend:
    """Replays one sequence against the model."""

    def __init__(self, sequence: Sequence) -> None:
        self._sequence = sequence
        self.model = Model(SMART_SESSION, Address.from_hex(sequence["account"]))

    def apply(self, step: Step) -> Result:
        try:
            if step["kind"] == "op":
                op = packed_operation(step, self._sequence["account"])
                word = self.model.validate(op, user_op_hash(step), step["base_fee"])
                return {"validation_data": f"0x{word:064x}"}
            with self.model.manage() as sessions:
                self._manage(sessions, step)
            return {"ok": True}
        except Revert as revert:
            return {"revert": "0x" + revert.data.hex()}

    def view(self, view: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file has it
        if "permission_id" in view:
            return self._session_view(view)
        key = (Address.from_hex(view["policy"]), Hash32.from_hex(view["config_id"]))
        return _POLICY_VIEWS[key[0]](self.model.state.policies.get(key), view["args"])

    def _manage(self, sessions: Management, step: Step) -> None:
        permission = Hash32.from_hex(step.get("permission_id") or self._sequence["permission_id"])
        kind = step["kind"]
        if kind == "enable":
            listed = step.get("sessions", [step.get("session", self._sequence["session"])])
            sessions.enable_sessions([session_from_json(item) for item in listed])
        elif kind == "set_paymaster":
            sessions.permit_paymaster(permission, permit=step["permit"])
        else:
            _CALLS[kind](sessions, permission, step)

    def _session_view(self, view: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file has it
        session = self.model.state.sessions.get(Hash32.from_hex(view["permission_id"]))
        if view["view"] == "isPermissionEnabled":
            return session is not None
        if session is None:
            return []
        if view["view"] == "getUserOpPolicies":
            return [str(policy) for policy in session.user_op_policies]
        if view["view"] == "getEnabledActions":
            return [str(action) for action in session.actions]
        return [str(policy) for policy in session.actions.get(Hash32.from_hex(view["args"][0]), [])]


def _addresses(items: list[str]) -> list[Address]:
    return [Address.from_hex(item) for item in items]


def _action(step: Step) -> Hash32:
    return Hash32.from_hex(step["action_id"])


_CALLS: dict[str, Callable[[Management, Hash32, Step], None]] = {
    "remove": lambda sessions, permission, _step: sessions.remove_session(permission),
    "disable_action": lambda sessions, permission, step: sessions.disable_action(permission, _action(step)),
    "disable_action_policies": lambda sessions, permission, step: sessions.disable_action_policies(
        permission, _action(step), _addresses(step["policies"])
    ),
    "disable_userop_policies": lambda sessions, permission, step: sessions.disable_user_op_policies(
        permission, _addresses(step["policies"])
    ),
    "enable_action_policies": lambda sessions, permission, step: sessions.enable_action_policies(
        permission, actions_from_json(step["actions"], "actions")
    ),
    "enable_userop_policies": lambda sessions, permission, step: sessions.enable_user_op_policies(
        permission, policies_from_json(step["policies"], "policies")
    ),
}


def _counter(state: Any, _: list[str]) -> list[str]:  # noqa: ANN401 - one policy's state
    return ["0x0", "0x0"] if state is None else [hex(state.limit), hex(state.used)]


def _token(state: Any, args: list[str]) -> Any:  # noqa: ANN401 - one policy's state
    token = Address.from_hex(args[0])
    use = (state or {}).get(token)
    if use is None or use.limit == 0:
        return {"revert": INVALID_TOKEN_ADDRESS + "00" * 12 + token.hex()}
    return [hex(use.limit), hex(use.spent), hex(use.approved)]


def _rules(state: Any, _: list[str]) -> dict[str, Any]:  # noqa: ANN401 - one policy's state
    if state is None:
        return {"valueLimitPerUse": "0x0", "length": 0, "used": []}
    return {
        "valueLimitPerUse": hex(state.value_limit_per_use_wei),
        "length": len(state.rules),
        "used": [hex(rule.used) for rule in state.rules],
    }


def _tree(state: Any, _: list[str]) -> dict[str, Any]:  # noqa: ANN401 - one policy's state
    if state is None:
        return {"valueLimitPerUse": "0x0", "rootNodeIndex": 0, "nodes": 0, "used": []}
    return {
        "valueLimitPerUse": hex(state.config.value_limit_per_use_wei),
        "rootNodeIndex": state.config.root,
        "nodes": len(state.config.nodes),
        "used": [hex(rule.used) for rule in state.config.rules],
    }


def _listed(state: Any, args: list[str]) -> bool:  # noqa: ANN401 - one policy's state
    return Address.from_hex(args[0]) in (state or ())


def _gas(state: Any, _: list[str]) -> list[str]:  # noqa: ANN401 - one policy's state
    return ["0x0"] * 4 if state is None else _counter(state.gas, []) + _counter(state.cost, [])


def _window(state: Any, _: list[str]) -> str:  # noqa: ANN401 - one policy's state
    return "0x0" if state is None else hex(state.valid_until << 48 | state.valid_after)


_POLICY_VIEWS: dict[Address, Callable[[Any, list[str]], Any]] = {
    arg.ADDRESS: _tree,
    contract_whitelist.ADDRESS: _listed,
    erc20_spending_limit.ADDRESS: _token,
    simple_gas.ADDRESS: _gas,
    time_frame.ADDRESS: _window,
    uni_action.ADDRESS: _rules,
    usage_limit.ADDRESS: _counter,
    value_limit.ADDRESS: _counter,
}
