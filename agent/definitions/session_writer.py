"""Writing a session file that the loader reads back as the same session."""

import json
from collections.abc import Iterator, Sequence

from agent.definitions.sessions import SessionDefinition
from agent.domain.session import ActionData, PolicyData
from agent.smart_sessions.session_json import session_to_json


def session_file(session: SessionDefinition, comments: Sequence[str] = ()) -> str:
    """Return the text of `sessions/NAME.yaml`; comments stand at its head."""
    return "\n".join(_lines(session, comments)) + "\n"


def _lines(definition: SessionDefinition, comments: Sequence[str]) -> Iterator[str]:
    session = definition.session
    yield from (f"# {line}" for comment in comments for line in comment.splitlines())
    yield f"name: {definition.name}"
    yield f"chain: {definition.chain_id}"
    yield f'account: {{address: "{definition.account}", kind: {definition.account_kind}}}'
    names = definition.keys
    yield f"key: {names[0]}" if len(names) == 1 else f"keys: [{', '.join(names)}]"
    yield f'smart_session: "{definition.smart_session}"'
    yield f'permission_id: "{definition.permission_id}"'
    yield from _notes(definition)
    yield "session:"
    yield f'  sessionValidator: "{session.session_validator}"'
    yield f'  sessionValidatorInitData: "0x{session.session_validator_init_data.hex()}"'
    yield f'  salt: "{session.salt}"'
    yield from _list("  userOpPolicies", list(_policies(session.user_op_policies, "    ")))
    signing = session_to_json(session)["erc7739Policies"]
    if any(signing.values()):
        # JSON is YAML too; no session that this agent makes has any of it.
        yield f"  erc7739Policies: {json.dumps(signing)}"
    yield from _list("  actions", [line for action in session.actions for line in _action(action)])
    yield f"  permitERC4337Paymaster: {json.dumps(session.permit_erc4337_paymaster)}"


def _notes(definition: SessionDefinition) -> Iterator[str]:
    for name in ("made_at", "headroom", "uses"):
        number = getattr(definition, name)
        if number is not None:
            yield f"{name}: {number}"
    if definition.allow_lint:
        yield f"allow_lint: [{', '.join(definition.allow_lint)}]"
    if definition.allow_lint_reason:
        # A JSON string is a YAML string too, whatever stands in it.
        yield f"allow_lint_reason: {json.dumps(definition.allow_lint_reason, ensure_ascii=False)}"
    if definition.succeeds is not None:
        yield f"succeeds: {definition.succeeds}"
    if definition.revoked_at is not None:
        yield f"revoked_at: {definition.revoked_at}"


def _action(action: ActionData) -> Iterator[str]:
    yield f'    - actionTargetSelector: "0x{action.action_target_selector.hex()}"'
    yield f'      actionTarget: "{action.action_target}"'
    yield from _list("      actionPolicies", list(_policies(action.action_policies, "        ")))


def _policies(policies: Sequence[PolicyData], indent: str) -> Iterator[str]:
    for item in policies:
        yield f'{indent}- policy: "{item.policy}"'
        yield f'{indent}  initData: "0x{item.init_data.hex()}"'


def _list(name: str, lines: list[str]) -> Iterator[str]:
    yield f"{name}:" if lines else f"{name}: []"
    yield from lines
