"""A session as a JSON document: the Solidity field names, bytes as 0x-hex."""

from collections.abc import Mapping
from typing import Any

from agent.domain.session import ActionData, ERC7739Context, ERC7739Data, PolicyData, Session
from agent.domain.units import Address, Hash32, bytes_from_hex

_SESSION = {
    "sessionValidator",
    "sessionValidatorInitData",
    "salt",
    "userOpPolicies",
    "erc7739Policies",
    "actions",
    "permitERC4337Paymaster",
}


def session_from_json(form: object, path: str = "session") -> Session:
    """Read a session in the contract's field names; raise ValueError naming the path of what is wrong."""
    fields = _object(form, path, _SESSION, optional=frozenset({"erc7739Policies"}))
    return Session(
        session_validator=_address(fields["sessionValidator"], f"{path}.sessionValidator"),
        session_validator_init_data=_bytes(
            fields["sessionValidatorInitData"], f"{path}.sessionValidatorInitData"
        ),
        salt=Hash32(_bytes(fields["salt"], f"{path}.salt", 32)),
        user_op_policies=policies_from_json(fields["userOpPolicies"], f"{path}.userOpPolicies"),
        erc7739_policies=_erc7739(fields.get("erc7739Policies"), f"{path}.erc7739Policies"),
        actions=actions_from_json(fields["actions"], f"{path}.actions"),
        permit_erc4337_paymaster=_boolean(fields["permitERC4337Paymaster"], f"{path}.permitERC4337Paymaster"),
    )


def session_to_json(session: Session) -> dict[str, Any]:
    """Write a session in the contract's field names, so that `session_from_json` reads the same one."""
    return {
        "sessionValidator": str(session.session_validator),
        "sessionValidatorInitData": "0x" + session.session_validator_init_data.hex(),
        "salt": str(session.salt),
        "userOpPolicies": _policies_to_json(session.user_op_policies),
        "erc7739Policies": {
            "allowedERC7739Content": [
                {
                    "appDomainSeparator": str(item.app_domain_separator),
                    "contentNames": list(item.content_names),
                }
                for item in session.erc7739_policies.allowed_erc7739_content
            ],
            "erc1271Policies": _policies_to_json(session.erc7739_policies.erc1271_policies),
        },
        "actions": [
            {
                "actionTargetSelector": "0x" + item.action_target_selector.hex(),
                "actionTarget": str(item.action_target),
                "actionPolicies": _policies_to_json(item.action_policies),
            }
            for item in session.actions
        ],
        "permitERC4337Paymaster": session.permit_erc4337_paymaster,
    }


def policies_from_json(form: object, path: str) -> tuple[PolicyData, ...]:
    """Read a list of policies; raise ValueError naming the path of what is wrong."""
    return tuple(_policy(item, f"{path}[{index}]") for index, item in enumerate(_list(form, path)))


def actions_from_json(form: object, path: str) -> tuple[ActionData, ...]:
    """Read a list of actions; raise ValueError naming the path of what is wrong."""
    return tuple(_action(item, f"{path}[{index}]") for index, item in enumerate(_list(form, path)))


def _policies_to_json(policies: tuple[PolicyData, ...]) -> list[dict[str, str]]:
    return [{"policy": str(item.policy), "initData": "0x" + item.init_data.hex()} for item in policies]


def _policy(form: object, path: str) -> PolicyData:
    fields = _object(form, path, {"policy", "initData"})
    return PolicyData(
        _address(fields["policy"], f"{path}.policy"), _bytes(fields["initData"], f"{path}.initData")
    )


def _action(form: object, path: str) -> ActionData:
    fields = _object(form, path, {"actionTargetSelector", "actionTarget", "actionPolicies"})
    return ActionData(
        _bytes(fields["actionTargetSelector"], f"{path}.actionTargetSelector", 4),
        _address(fields["actionTarget"], f"{path}.actionTarget"),
        policies_from_json(fields["actionPolicies"], f"{path}.actionPolicies"),
    )


def _erc7739(form: object, path: str) -> ERC7739Data:
    if form is None:
        return ERC7739Data()
    fields = _object(form, path, {"allowedERC7739Content", "erc1271Policies"})
    contents = _list(fields["allowedERC7739Content"], f"{path}.allowedERC7739Content")
    return ERC7739Data(
        tuple(_context(item, f"{path}.allowedERC7739Content[{i}]") for i, item in enumerate(contents)),
        policies_from_json(fields["erc1271Policies"], f"{path}.erc1271Policies"),
    )


def _context(form: object, path: str) -> ERC7739Context:
    # The contract's field is contentNames, its typed data says contentName; documents use both.
    names = "contentName" if isinstance(form, Mapping) and "contentName" in form else "contentNames"
    fields = _object(form, path, {"appDomainSeparator", names})
    texts = _list(fields[names], f"{path}.{names}")
    separator = _bytes(fields["appDomainSeparator"], f"{path}.appDomainSeparator", 32)
    return ERC7739Context(
        Hash32(separator), tuple(_text(item, f"{path}.{names}[{i}]") for i, item in enumerate(texts))
    )


def _object(
    form: object, path: str, names: set[str], optional: frozenset[str] = frozenset()
) -> Mapping[str, Any]:
    if isinstance(form, Mapping):
        unknown = sorted(str(name) for name in set(form) - names)
        missing = sorted(names - optional - set(form))
        if unknown or missing:
            raise ValueError(f"{path}.{(unknown or missing)[0]} is {'unknown' if unknown else 'missing'}")
        return form
    raise ValueError(f"{path} must be an object")


def _list(form: object, path: str) -> list[Any]:
    if isinstance(form, list):
        return form
    raise ValueError(f"{path} must be a list")


def _boolean(form: object, path: str) -> bool:
    if isinstance(form, bool):
        return form
    raise ValueError(f"{path} must be true or false")


def _text(form: object, path: str) -> str:
    if isinstance(form, str):
        return form
    raise ValueError(f"{path} must be a string")


def _bytes(form: object, path: str, size: int | None = None) -> bytes:
    try:
        data = bytes_from_hex(_text(form, path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if size is not None and len(data) != size:
        raise ValueError(f"{path} has {len(data)} bytes, not {size}")
    return data


def _address(form: object, path: str) -> Address:
    text = _text(form, path)
    data = _bytes(form, path, 20)
    # Mixed case carries a checksum, one case does not.
    if text[2:].islower() or text[2:].isdigit():
        return Address(data)
    try:
        return Address.parse(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
