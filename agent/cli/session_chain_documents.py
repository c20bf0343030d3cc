"""Sessions as the chain has them, as JSON documents and as lines for people."""

from collections.abc import Iterator
from typing import Any

from agent.cli.session_documents import left_text
from agent.commands.session_from_chain import SessionsFound
from agent.commands.session_status import DAY_S, SessionStatus
from agent.domain.units import hex_from_bytes
from agent.smart_sessions.compare import Difference
from agent.smart_sessions.discovery import Hints
from agent.smart_sessions.on_chain import ActionFound, OnChainSession, PolicyFound
from agent.smart_sessions.rebuild import Rebuilt, is_told, name_of
from agent.smart_sessions.session_json import session_to_json

Document = dict[str, Any]

STATUS_COLUMNS = (
    "NAME",
    "CHAIN",
    "STATUS",
    "DAYS LEFT",
    "TIGHTEST LIMIT",
    "ENABLE NONCE",
    "HELD",
    "DIFFERS IN",
)
FOUND_COLUMNS = ("CHAIN", "ACCOUNT", "PERMISSION ID", "NAME", "ACTIONS", "FROM", "COMPLETE")
UNKNOWN = "unknown"


def status_document(status: SessionStatus) -> Document:
    """Return how one session stands."""
    session = status.session
    return {
        "name": session.name,
        "chain_id": session.chain_id,
        "account": str(session.account),
        "permission_id": str(session.permission_id),
        "status": status.condition.value,
        "enabled": status.enabled,
        "differences": [difference_document(item) for item in status.differences],
        "expires_at": session.expires_at,
        "days_left": None if status.left_s is None else status.left_s / DAY_S,
        "tightest": None if status.tightest is None else _limit(status),
        "enable_nonce": status.enable_nonce,
        "held": [
            {"scope": str(hold.scope), "code": hold.code, "reason": hold.reason} for hold in status.holds
        ],
        "reason": status.reason or None,
    }


def status_cells(status: SessionStatus) -> list[object]:
    """Return the cells of STATUS_COLUMNS."""
    days = None if status.left_s is None else f"{status.left_s / DAY_S:.1f}"
    limit = None if status.tightest is None else f"{status.tightest.policy} {left_text(status.tightest, {})}"
    held = ", ".join(dict.fromkeys(hold.code for hold in status.holds)) or "no"
    codes = ", ".join(dict.fromkeys(item.code.value for item in status.differences)) or None
    session = status.session
    return [
        session.name, session.chain_id, status.condition, days, limit, status.enable_nonce, held, codes
    ]  # fmt: skip


def status_lines(status: SessionStatus) -> Iterator[str]:
    """Say in what it differs, or why nobody could say."""
    yield from (f"{status.session.name}: {item.sentence}" for item in status.differences)
    if status.reason:
        yield f"{status.session.name}: {status.reason}"


def difference_document(difference: Difference) -> Document:
    """Return one field that differs."""
    return {
        "code": difference.code.value,
        "where": difference.where,
        "granted": difference.granted,
        "found": difference.found,
        "widens": difference.widens,
        "sentence": difference.sentence,
    }


def found_document(found: SessionsFound) -> Document:
    """Return every session of an account."""
    return {
        "chain_id": found.chain_id,
        "account": str(found.account),
        "account_kind": found.account_kind,
        "block": found.block_number,
        "notes": list(found.notes),
        "sessions": [_rebuilt(item, found) for item in found.sessions],
    }


def found_cells(found: SessionsFound) -> Iterator[list[object]]:
    """Yield the cells of FOUND_COLUMNS, a row a session."""
    for item in found.sessions:
        place = item.found.location
        complete = "no" if item.session is None else "yes"
        name = found.names.get(place.permission_id)
        yield [
            found.chain_id, found.account, place.permission_id, name, len(item.found.actions), item.source,
            complete,
        ]  # fmt: skip


def found_lines(found: SessionsFound) -> Iterator[str]:
    """Say what could not be known."""
    for item in found.sessions:
        for line in item.unknown:
            yield f"{item.found.location.permission_id} unknown: {line}"
        for line in item.assumed:
            yield f"{item.found.location.permission_id} supposed: {line}"
    yield from (f"{found.account}: {note}" for note in found.notes)


def _rebuilt(item: Rebuilt, found: SessionsFound) -> Document:
    place = item.found.location
    return {
        "permission_id": str(place.permission_id),
        "smart_session": str(place.smart_session),
        "name": found.names.get(place.permission_id),
        "enable_nonce": item.found.enable_nonce,
        "from": item.source.value,
        "complete": item.session is not None,
        "unknown": list(item.unknown),
        "supposed": list(item.assumed),
        "session": None if item.session is None else session_to_json(item.session),
        "file": _file(item, found),
        "found": _on_chain(item.found, found.hints),
    }


def _file(item: Rebuilt, found: SessionsFound) -> Document | None:
    """Return what a file of sessions/ has to say; JSON is YAML too."""
    place = item.found.location
    keys = found.keys.get(place.permission_id, ())
    if item.session is None or found.account_kind is None or not keys:
        return None
    name = found.names.get(place.permission_id) or f"found-{place.permission_id.hex()[:8]}"
    return {
        "name": name,
        "chain": found.chain_id,
        "account": {"address": str(found.account), "kind": found.account_kind},
        **({"key": keys[0]} if len(keys) == 1 else {"keys": list(keys)}),
        "smart_session": str(place.smart_session),
        "permission_id": str(place.permission_id),
        "session": session_to_json(item.session),
    }


def _on_chain(found: OnChainSession, hints: Hints) -> Document:
    return {
        "sessionValidator": str(found.session_validator),
        "sessionValidatorInitData": hex_from_bytes(found.session_validator_init_data),
        "userOpPolicies": [_policy(item) for item in found.user_op_policies],
        "erc1271Policies": [_policy(item) for item in found.erc1271_policies],
        "actions": [_action(item, hints) for item in found.actions],
        "permitERC4337Paymaster": found.permit_paymaster,
    }


def _action(found: ActionFound, hints: Hints) -> Document:
    target, selector = hints.actions.get(found.action, (UNKNOWN, None))
    return {
        "actionId": str(found.action),
        "actionTarget": str(target),
        "actionTargetSelector": UNKNOWN if selector is None else hex_from_bytes(selector),
        "actionPolicies": [_policy(item) for item in found.policies or ()],
    }


def _policy(found: PolicyFound) -> Document:
    init_data = found.init_data if is_told(found) else None
    return {
        "policy": str(found.policy),
        "name": name_of(found.policy),
        "initData": UNKNOWN if init_data is None else hex_from_bytes(init_data),
    }


def _limit(status: SessionStatus) -> Document:
    line = status.tightest
    if line is None:
        return {}
    return {
        "policy": line.policy,
        "on": line.on,
        "unit": line.use.unit,
        "used": line.use.used,
        "reserved": line.reserved,
        "limit": line.use.limit,
        "remaining": line.remaining,
    }
