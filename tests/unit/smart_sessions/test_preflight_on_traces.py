"""The preflight decides on recorded operations as the genuine contracts did."""

from collections import Counter
from typing import Any

import pytest

from agent.domain.budget import Cleared, Verdict
from agent.domain.units import Timestamp
from agent.domain.user_operation import UserOperation
from agent.smart_sessions.grant import Counters, Grant, counters
from agent.smart_sessions.model import Model
from agent.smart_sessions.preflight import limits, preflight
from tests.traces.backend import Step, packed_operation
from tests.traces.checked_backend import grant_of, unpacked
from tests.traces.model_backend import ModelBackend
from tests.traces.replay import sequences_in
from tests.unit.smart_sessions.chain_answers import answers_of
from tests.vectors import TRACES

# Whatever else a revert means, these say nothing about the signature, which the preflight does not see.
REFUSALS = ("0x3b577361", "0x1c792c05", "0xf4270752", "0xd5dc9fa4", "0x526d0da5", "0x540733ea", "0x82d5d76a")
# The recorded call is not behind an EntryPoint, which is who compares times; and its base fee was a low one.
WIDENING = {"enable_action_policies", "enable_userop_policies", "set_paymaster"}
STRICTER = {"session_expired", "session_not_started", "cost_limit"}


@pytest.mark.slow
def test_preflight_refuses_what_the_contracts_refused_and_counts_what_they_counted() -> None:
    seen: Counter[str] = Counter()
    for number, sequence in enumerate(sequences_in(TRACES)):
        # A sixth is two thousand verdicts; the model itself is replayed on all of them.
        if number % 6 == 0:
            follow(sequence, seen)

    assert seen["wrong"] == 0
    assert seen["cleared"] > 800
    assert seen["blocked"] > 1000


def follow(sequence: dict[str, Any], seen: Counter[str]) -> None:
    backend = ModelBackend(sequence)
    grant = grant_of(sequence)
    for step in sequence["steps"]:
        if step["kind"] in WIDENING or "session" in step:
            # From here on the session on chain is no longer the granted one.
            break
        operation = comparable(step, grant)
        before = now(grant, backend.model)
        backend.apply(step)
        if operation is None or before.foreign or not same_actions(grant, backend.model, before):
            continue
        verdict = preflight(grant, before, {}, operation, Timestamp(step["timestamp"]))
        seen[judged(verdict, step, grant, before, now(grant, backend.model))] += 1


def judged(verdict: Verdict, step: Step, grant: Grant, before: Counters, after: Counters) -> str:
    revert = step["result"].get("revert")
    if isinstance(verdict, Cleared):
        if revert is None:
            return "cleared" if counted(verdict, grant, before, after) else "wrong"
        return "wrong" if revert.startswith(REFUSALS) else "signature"
    codes = {item.code for item in verdict.violations}
    return "blocked" if revert is not None or codes <= STRICTER else "wrong"


def counted(verdict: Cleared, grant: Grant, before: Counters, after: Counters) -> bool:
    """Tell whether the counters moved by the consumption; the cost by no more than that."""
    taken = {item.limit_key: item.amount for item in verdict.consumption}
    for old, new in zip(limits(grant, before), limits(grant, after), strict=True):
        moved, expected = new.used - old.used, taken.get(str(old.key), 0)
        if moved > expected or (moved < expected and old.key.part != "cost"):
            return False
    return True


def comparable(step: Step, grant: Grant) -> UserOperation | None:
    """Return the operation, unless it is of another shape, sender or session than the agent could build."""
    if step["kind"] != "op":
        return None
    packed = packed_operation(step, str(grant.account))
    payer = len(packed.paymaster_and_data)
    own = packed.sender == grant.account and packed.signature[:33] == b"\x00" + grant.permission_id
    return unpacked(packed) if own and (payer == 0 or payer >= 52) else None


def now(grant: Grant, model: Model) -> Counters:
    return counters(grant, answers_of(model, grant))


def same_actions(grant: Grant, model: Model, read: Counters) -> bool:
    """Tell whether the chain has no action that the granted session does not list."""
    session = model.state.sessions.get(grant.permission_id)
    known = read.state.sessions.get(grant.permission_id)
    return session is None or known is None or set(session.actions) <= set(known.actions)
