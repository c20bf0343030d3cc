"""Changes in a session's life as JSON documents and as lines for people."""

from collections.abc import Iterator, Sequence
from typing import Any, assert_never

from agent.cli.session_batching import Batches
from agent.cli.session_documents import worst_case_document
from agent.cli.session_editing import Edited
from agent.cli.session_revoking import Revocation
from agent.cli.session_rotating import Rotated
from agent.commands.session_batch import AccountBatch
from agent.commands.session_payload import payload_document
from agent.commands.session_rotate import Rotation, Step
from agent.commands.session_words import Tokens, worst_case_words
from agent.definitions.sessions import SessionDefinition
from agent.domain.call import Call
from agent.domain.units import Address, hex_from_bytes
from agent.erc7579.execution import encode_execute
from agent.smart_sessions.worst_case import worst_case

Document = dict[str, Any]


def batches_document(found: Batches) -> Document:
    """Return what every account has to do."""
    return {
        "accounts": [_batch(batch) for batch in found.accounts],
        "skipped": [{"name": name, "reason": reason} for name, reason in found.skipped.items()],
    }


def batches_lines(found: Batches) -> Iterator[str]:
    """Yield the calls of every account that has any."""
    for batch in found.accounts:
        names = ", ".join(plan.session.name for plan in batch.plans)
        if not batch.pending:
            yield f"{batch.account} on chain {batch.chain_id}: enabled already: {names}"
            continue
        pending = ", ".join(plan.session.name for plan in batch.pending)
        yield f"{batch.account} on chain {batch.chain_id}, for {pending}:"
        yield from payload_lines(batch.account, batch.calls)
    yield from (f"{name} is left out: {reason}" for name, reason in found.skipped.items())


def payload_lines(account: Address, calls: Sequence[Call]) -> Iterator[str]:
    """Yield the same for a person to hand to the wallet."""
    for call in calls:
        yield f"  to     {call.target}"
        yield f"  value  {call.value_wei}"
        yield f"  data   {hex_from_bytes(call.data)}"
    if calls:
        yield "or all at once, as one call to the account by whoever may execute:"
        yield f"  to     {account}"
        yield f"  data   {hex_from_bytes(encode_execute(calls))}"


def _batch(batch: AccountBatch) -> Document:
    sessions = [
        {
            "name": plan.session.name,
            "permission_id": str(plan.session.permission_id),
            "enabled": plan.is_granted,
            "differs": list(plan.differences),
        }
        for plan in batch.plans
    ]
    return {
        "chain_id": batch.chain_id,
        "account": str(batch.account),
        "deployed": all(plan.is_deployed for plan in batch.plans),
        "sessions": sessions,
        **payload_document(batch.account, batch.calls),
    }


COUNTERS_ANEW = (
    "Removing and enabling starts every counter anew: what was used so far does not count against the "
    "new limits. Start the worker anew afterwards; it holds a session that was enabled again until: "
    "sessionkeeper sessions release NAME --reason TEXT"
)


def edit_document(found: Edited) -> Document:
    """Return an edit with both worst cases."""
    edit = found.edit
    return {
        "name": edit.after.name,
        "permission_id": str(edit.after.permission_id),
        "file": str(edit.path),
        "kept": None if found.kept is None else str(found.kept),
        "wider": list(edit.changed.wider),
        "narrower": list(edit.changed.narrower),
        "worst_case_before": _worst(edit.before, found.tokens),
        "worst_case": _worst(edit.after, found.tokens),
        "warning": _warning(found),
        "granted": found.plan.is_granted,
        **payload_document(edit.after.account, found.calls),
    }


def edit_lines(found: Edited) -> Iterator[str]:
    """Yield what gets wider and what narrower, both worst cases, and the owner's batch."""
    edit = found.edit
    for title, lines in (
        ("wider:", edit.changed.wider),
        ("narrower:", edit.changed.narrower),
        ("before:", edit.worst_before),
        ("after:", edit.worst_after),
    ):
        yield title
        yield from (f"  {line}" for line in lines or ("nothing",))
    if found.kept is not None:
        yield f"written to {edit.path}, the old one is kept as {found.kept}"
    if found.plan.is_enabled:
        yield f"warning: {_warning(found)}"
    if found.calls:
        yield "the owner replaces the session by these calls:"
        yield from payload_lines(edit.after.account, found.calls)


def revoke_document(found: Revocation) -> Document:
    """Return the owner's calls and what is in flight."""
    session = found.session
    return {
        "name": session.name,
        "chain_id": session.chain_id,
        "account": str(session.account),
        "permission_id": str(session.permission_id),
        "revoked_at": found.revoked_at,
        "enabled": found.is_enabled,
        "in_flight": [row.id for row in found.in_flight],
        **payload_document(session.account, found.calls),
    }


def revoke_lines(found: Revocation) -> Iterator[str]:
    """Yield the same for people."""
    session = found.session
    yield f"{session.name} is marked as revoked: no job may use it, from the worker's next start on"
    if found.in_flight:
        runs = ", ".join(str(row.id) for row in found.in_flight)
        yield f"warning: signed under it and not final yet, these runs may fail: {runs}"
    if not found.calls:
        yield f"{session.permission_id} is gone from {session.account}, unused enable signatures too"
        return
    yield "the owner ends it by these calls, both of them:"
    yield from payload_lines(session.account, found.calls)


def rotate_document(found: Rotated) -> Document:
    """Return the step that is next, and what it needs."""
    state = found.rotation
    return {
        "name": state.old.name,
        "successor": None if state.successor is None else state.successor.name,
        "key": None if state.successor is None else state.successor.key,
        "step": state.step.value,
        "next": next_step(state),
        "in_flight": [row.id for row in state.in_flight],
        "not_seen": list(state.not_seen),
        **payload_document(state.old.account, found.calls),
    }


def rotate_lines(found: Rotated) -> Iterator[str]:
    """Yield the same for people."""
    state = found.rotation
    for step in (Step.MAKE, Step.GRANT, Step.SWITCH, Step.REVOKE):
        order = list(Step)
        is_done = order.index(step) < order.index(state.step)
        yield f"{'done' if is_done else 'next' if step is state.step else '    '}  {step.value}"
    yield next_step(state)
    yield from payload_lines(state.old.account, found.calls)


def next_step(state: Rotation) -> str:
    """Say what comes next."""
    successor = "" if state.successor is None else state.successor.name
    old = state.old.name
    match state.step:
        case Step.MAKE:
            return f"name the new key: sessionkeeper sessions rotate {old} --key KEY"
        case Step.GRANT:
            return f"the owner grants {successor}: sessionkeeper sessions grant {successor}"
        case Step.SWITCH:
            return _switch_words(state)
        case Step.REVOKE:
            return f"nothing of the old key is in flight: sessionkeeper sessions revoke {old}"
        case Step.DONE:
            return f"{successor} has taken over from {old}"
        case _:
            assert_never(state.step)


def _switch_words(state: Rotation) -> str:
    if state.in_flight:
        runs = ", ".join(str(row.id) for row in state.in_flight)
        return f"wait until what the old key signed is final: runs {runs}"
    jobs = ", ".join(state.not_seen)
    return (
        f"start the worker anew, so that it reads the new session; not seen under the new key yet: {jobs} "
        "(--restarted if you did start it since the grant)"
    )


def _warning(found: Edited) -> str | None:
    return COUNTERS_ANEW.replace("NAME", found.edit.after.name) if found.plan.is_enabled else None


def _worst(session: SessionDefinition, tokens: Tokens) -> Document:
    worst = worst_case(session.session)
    return worst_case_document(worst) | {"text": " ".join(worst_case_words(worst, tokens))}
