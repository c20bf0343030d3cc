"""Violations in an operator's words, and as documents with the exact numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime

from agent.domain.budget import Violation
from agent.domain.token import Token, decimal_text
from agent.domain.units import UINT128_MAX, Address, hex_from_bytes
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)

Tokens = Mapping[Address, Token]
_FUNCTIONS = {
    TRANSFER: "transfer of",
    TRANSFER_FROM: "transferFrom of",
    APPROVE: "approve of",
    INCREASE_ALLOWANCE: "increaseAllowance of",
    NATIVE_TRANSFER_SELECTOR: "a plain payment to",
}
_ARGUMENTS = {"address": "the address", "token": "the amount", "wei": "what the call sends along"}
_CENTS = 2
"""Digits behind the point that a token's amount has at least, if the token has as many."""


def violation_text(violation: Violation, tokens: Tokens) -> str:
    """Say what stands against the operation, both numbers, and what to do about it."""
    whose = f"{violation.session}: " if violation.session else ""
    place = " on ".join(part for part in (violation.rule, _place(violation, tokens)) if part)
    where = f" ({place})" if place else ""
    facts = _facts(violation, tokens)
    return f"{whose}{violation.code}{where}: {facts + '; ' if facts else ''}{violation.remedy}"


def violation_document(violation: Violation, tokens: Tokens) -> dict[str, object]:
    """Return every field for machines, amounts in base units, with the text."""
    return {
        "code": violation.code,
        "session": violation.session or None,
        "rule": violation.rule or None,
        "policy": str(violation.policy) if violation.policy else None,
        "config_id": str(violation.config_id) if violation.config_id else None,
        "part": violation.part or None,
        "target": str(violation.target) if violation.target else None,
        "selector": hex_from_bytes(violation.selector) if violation.selector else None,
        "unit": violation.unit or None,
        "asked": violation.asked,
        "relation": violation.relation or None,
        "left": violation.left,
        "limit": violation.limit,
        "used": None if violation.limit is None else violation.used,
        "reserved": None if violation.limit is None else violation.reserved,
        "remedy": violation.remedy,
        "text": violation_text(violation, tokens),
    }


def _place(violation: Violation, tokens: Tokens) -> str:
    target = violation.target
    if target is None:
        return "the operation" if violation.rule else ""
    known = tokens.get(target)
    name = known.symbol if known else str(target)
    if not violation.selector:
        return name
    function = _FUNCTIONS.get(violation.selector, f"{hex_from_bytes(violation.selector)} of")
    return f"{function} {name}"


def _facts(violation: Violation, tokens: Tokens) -> str:
    if violation.asked is None or violation.left is None or not violation.unit:
        return ""
    if violation.unit == "time":
        moment = _date(violation.left)
        return f"it ended at {moment}" if violation.left < violation.asked else f"it begins at {moment}"
    if violation.limit is not None:
        return _counted(violation, violation.limit, violation.asked, tokens)
    asked = _quantity(violation.asked, violation, tokens)
    if violation.relation:
        what = _ARGUMENTS.get(violation.unit, "the argument")
        return f"{what} is {asked}, it must be {violation.relation} {_reference(violation, tokens)}"
    return f"it asks for {asked}, {_quantity(violation.left, violation, tokens)} is left"


def _counted(violation: Violation, limit: int, asked: int, tokens: Tokens) -> str:
    used, reserved = violation.used, violation.reserved
    # What is neither used nor reserved nor left went to calls before this one; a full limit hides how much.
    earlier = limit - used - reserved - (violation.left or 0)
    number, symbol = _scale(violation, tokens)
    parts = [f"{number(used)} of {number(limit)}{symbol} used"]
    if reserved:
        parts.append(f"{number(reserved)} reserved")
    if earlier > 0:
        parts.append(f"{number(earlier)} taken by other calls of the operation")
    return ", ".join((*parts, f"this needs {number(asked)}"))


def _reference(violation: Violation, tokens: Tokens) -> str:
    left = violation.left or 0
    if violation.relation != "in the range":
        return _quantity(left, violation, tokens)
    low, high = left >> 128, left & UINT128_MAX
    return f"{_quantity(low, violation, tokens)} to {_quantity(high, violation, tokens)}"


def _quantity(amount: int, violation: Violation, tokens: Tokens) -> str:
    if violation.unit == "address":
        return str(Address(amount.to_bytes(20, "big"))) if amount >> 160 == 0 else f"{amount:#x}"
    number, symbol = _scale(violation, tokens)
    return number(amount) + symbol


def _scale(violation: Violation, tokens: Tokens) -> "tuple[_Number, str]":
    """Return how to write an amount, and what follows it."""
    if violation.unit == "token" and violation.target is not None:
        token = tokens.get(violation.target)
        if token is None:
            return _Number(0), f" base units of {violation.target}"
        return _Number(token.decimals, min(_CENTS, token.decimals)), f" {token.symbol}"
    if violation.unit == "wei":
        return _Number(18), " ether"
    return _Number(0), f" {violation.unit}" if violation.unit in {"gas", "uses"} else ""


class _Number:
    def __init__(self, decimals: int, at_least: int = 0) -> None:
        self._decimals = decimals
        self._at_least = at_least

    def __call__(self, amount: int) -> str:
        text = decimal_text(amount, self._decimals)
        if not self._at_least:
            return text
        whole, _, cents = text.partition(".")
        return f"{whole}.{cents.ljust(self._at_least, '0')}"


def _date(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {at}"
