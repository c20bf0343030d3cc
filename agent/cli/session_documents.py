"""Sessions as JSON documents and as lines for people."""

from collections.abc import Iterator
from typing import Any

from agent.commands.session_grant import GrantPlan
from agent.commands.session_new import NewSession
from agent.commands.session_usage import LimitLine, SessionUsage, UsageFound, quantity_text
from agent.commands.session_words import Tokens, session_words, until_text, worst_case_words
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.units import hex_from_bytes
from agent.smart_sessions.session_json import session_to_json
from agent.smart_sessions.worst_case import Outflow, WorstCase, worst_case

Document = dict[str, Any]

SESSION_COLUMNS = ("NAME", "CHAIN", "ACCOUNT", "KEY", "UNTIL", "PERMISSION ID")
USAGE_COLUMNS = ("POLICY", "ON", "COUNTS", "USED", "BURNED", "RESERVED", "LIMIT", "REMAINING")


def new_document(new: NewSession, tokens: Tokens) -> Document:
    """Return a session that was just written."""
    return session_document(new.definition, tokens) | {"file": str(new.path)}


def session_document(session: SessionDefinition, tokens: Tokens) -> Document:
    """Return the whole session, decoded too."""
    worst = worst_case(session.session)
    return summary_document(session) | {
        "account_kind": session.account_kind,
        "smart_session": str(session.smart_session),
        "allow_lint": list(session.allow_lint),
        "allow_lint_reason": session.allow_lint_reason or None,
        "worst_case": worst_case_document(worst) | {"text": " ".join(worst_case_words(worst, tokens))},
        "allows": list(session_words(session.session, tokens)),
        "session": session_to_json(session.session),
    }


def summary_document(session: SessionDefinition) -> Document:
    """Return what tells one session from another."""
    return {
        "name": session.name,
        "chain_id": session.chain_id,
        "account": str(session.account),
        "key": session.key,
        "keys": list(session.keys),
        "permission_id": str(session.permission_id),
        "expires_at": session.expires_at,
    }


def summary_cells(session: SessionDefinition) -> list[object]:
    """Return the cells of SESSION_COLUMNS."""
    until = until_text(session.expires_at)
    keys = ", ".join(session.keys)
    return [session.name, session.chain_id, session.account, keys, until, session.permission_id]


def worst_case_document(worst: WorstCase) -> Document:
    """Return the numbers: base units and wei, null for no limit."""
    return {
        "outflows": [_outflow(flow) for flow in worst.outflows],
        "gas_wei": worst.gas_wei,
        "operations": worst.operations,
        "until": worst.until,
        "unbounded": list(worst.unbounded),
        "not_counted": list(worst.not_counted),
        "is_bounded": worst.is_bounded,
    }


def grant_document(plan: GrantPlan) -> Document:
    """Return the calls for the owner's wallet."""
    return {
        "name": plan.session.name,
        "chain_id": plan.session.chain_id,
        "account": str(plan.session.account),
        "permission_id": str(plan.session.permission_id),
        "deployed": plan.is_deployed,
        "enabled": plan.is_granted,
        "differs": list(plan.differences),
        "install": None if plan.install is None else _call(plan.install),
        "remove": None if plan.remove is None else _call(plan.remove),
        "enable": _call(plan.enable),
        "execute": {"to": str(plan.session.account), "value": 0, "data": hex_from_bytes(plan.execute)},
    }


def grant_lines(plan: GrantPlan) -> Iterator[str]:
    """Yield the calls for a person to hand to the wallet."""
    for title, call in (
        ("install the SmartSession module", plan.install),
        ("remove the session that is there", plan.remove),
        ("enable the session", plan.enable),
    ):
        if call is not None:
            yield f"{title}:"
            yield f"  to     {call.target}"
            yield f"  value  {call.value_wei}"
            yield f"  data   {hex_from_bytes(call.data)}"
    yield "or all at once, as one call to the account by whoever may execute:"
    yield f"  to     {plan.session.account}"
    yield f"  data   {hex_from_bytes(plan.execute)}"


def usage_document(usage: SessionUsage, tokens: Tokens) -> Document:
    """Return the counters as exact integers, with their text."""
    return {
        **summary_document(usage.session),
        "block": usage.block_number,
        "block_time": usage.block_time,
        "epoch": usage.epoch,
        "limits": [limit_document(line, tokens) for line in usage.lines],
    }


def usage_found_document(found: UsageFound, tokens: Tokens) -> Document:
    """Return the counters, or what keeps them from being read."""
    if found.usage is None:
        return summary_document(found.session) | {"limits": [], "problem": found.problem}
    return usage_document(found.usage, tokens) | {"problem": None}


def usage_cells(line: LimitLine, tokens: Tokens) -> list[object]:
    """Return the cells of USAGE_COLUMNS."""
    amounts = (line.use.used, line.burned, line.reserved, line.use.limit, line.remaining)
    texts = [quantity_text(amount, line.use, tokens) for amount in amounts]
    return [line.policy, line.on, line.use.unit, *texts]


def limit_document(line: LimitLine, tokens: Tokens) -> Document:
    """Return one counter as exact integers, with its text."""
    use = line.use
    return {
        "policy": line.policy,
        "address": str(use.key.policy),
        "on": line.on,
        "part": use.key.part,
        "unit": use.unit,
        "used": use.used,
        "burned": line.burned,
        "reserved": line.reserved,
        "limit": use.limit,
        "remaining": line.remaining,
        "text": left_text(line, tokens),
        "key": str(use.key),
    }


def left_text(line: LimitLine, tokens: Tokens) -> str:
    """Say what is left of a limit."""
    left, limit = (quantity_text(amount, line.use, tokens) for amount in (line.remaining, line.use.limit))
    return f"{left} of {limit} left"


def _outflow(flow: Outflow) -> Document:
    return {
        "token": None if flow.token is None else str(flow.token),
        "amount": flow.amount,
        "at_a_time": flow.at_a_time,
        "to": None if flow.to is None else str(flow.to),
    }


def _call(call: Call) -> Document:
    return {"to": str(call.target), "value": call.value_wei, "data": hex_from_bytes(call.data)}
