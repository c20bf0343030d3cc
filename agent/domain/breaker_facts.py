"""What journal entries say that breakers count. Pure."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agent.domain.breakers import Fact, FactKind
from agent.domain.budget import LimitKey
from agent.domain.journal import JournalEntry
from agent.domain.occurrence import Occurrence
from agent.domain.paymaster import PaymasterKey
from agent.domain.states import Event
from agent.domain.units import Address

NATIVE = "native"
"""How an intent names the chain's own coin."""
ERROR_CODES = frozenset({
    "aggregator", "bug", "duplicate_operation", "entry_point_invalid", "entry_point_unsupported",
    "execution_reverted", "illegal_transition", "internal_error", "invalid_fields", "opcode_rule",
    "paymaster_refused", "paymaster_signature", "precheck_failed", "request_refused", "signature_refused",
    "stake_too_low", "wrong_hash",
})  # fmt: skip
"""Refusals that do not come of load, of fees, of a race or of a node that is behind."""
ERROR_PREFIXES = ("aa1", "aa23", "aa24", "aa3", "aa9", "execution_reverted_")
_WAITED_FOR = ("aa3", "paymaster_", "execution_reverted")
"""Before anything is signed: a sponsor that does not pay today, calls that would revert as things are."""
_RACE = "aa23_no_reason"
"""Of a signed operation: it was estimated on top of another one. It gets more gas, or is held in the end."""
_UNSIGNED = frozenset({Event.POSTPONE, Event.UNPLAN})
_TOLD_BY = frozenset({Event.ANSWER, Event.HOLD}) | _UNSIGNED
_KINDS = {
    Event.SIGN: FactKind.SIGNED,
    Event.SEE_OK: FactKind.INCLUDED,
    Event.SEE_FAIL: FactKind.REVERTED,
}
EVENTS = frozenset({Event.PLAN, *_KINDS, *_TOLD_BY})
"""Entries of other events say nothing here."""


class FactReader:
    """Reads entries in their order; what was planned counts when it is signed."""

    def __init__(self) -> None:
        self._planned: dict[int, Mapping[Address | None, int]] = {}

    def read(self, entry: JournalEntry, run: Occurrence) -> Fact | None:
        """Return what the entry of a run says; None when no breaker counts it."""
        data = json.loads(entry.data)
        if entry.event == Event.PLAN:
            self._planned[run.id] = _planned(data)
            return None
        kind, code = _kind(entry.event, str(data.get("code", "")))
        if kind is None:
            return None
        spent = self._planned.pop(run.id, {}) if kind is FactKind.SIGNED else {}
        return Fact(entry.at, kind, run.chain_id, run.account, run.job_id, spent, code)


def _kind(event: str, code: str) -> tuple[FactKind | None, str]:
    if event in _TOLD_BY:
        waits = event in _UNSIGNED and code.startswith(_WAITED_FOR)
        waits = waits or (event == Event.ANSWER and code == _RACE)
        return (FactKind.ERROR, code) if is_error(code) and not waits else (None, "")
    return _KINDS.get(Event(event)), ""


def is_error(code: str) -> bool:
    """Say whether a refusal's code is one that should hardly ever come."""
    return code in ERROR_CODES or code.startswith(ERROR_PREFIXES)


def _planned(data: Mapping[str, Any]) -> Mapping[Address | None, int]:
    """Return the most that leaves, by token: what the limits reserve, or what the kind says if it is more."""
    said, reserved = Counter[Address | None](), Counter[Address | None]()
    intent = data.get("facts", {})
    token, amount, coin = (intent.get(name, "") for name in ("token", "amount", "value"))
    if token and amount.isdigit():
        said[None if token == NATIVE else Address.parse(token)] += int(amount)
    elif coin.isdigit():
        # A call of any function names what it sends along.
        said[None] += int(coin)
    for key, units in data.get("reservations", {}).items():
        part = _token_of(key)
        if part is not None:
            reserved[part] += int(units)
    return {token: units for token, units in (said | reserved).items() if units}


def _token_of(limit_key: str) -> Address | None:
    """Return the token of a limit of the session's, or of a paymaster's fees."""
    with suppress(ValueError):
        return Address.parse(LimitKey.parse(limit_key).part)
    with suppress(ValueError):
        return PaymasterKey.parse(limit_key).token
    return None
