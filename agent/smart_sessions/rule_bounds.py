"""How large a word of call data can be under rules, at a time and in all."""

from collections.abc import Sequence

from agent.domain.units import UINT256_MAX
from agent.smart_sessions.guards import Guards
from agent.smart_sessions.policies.uni_action import Condition, Rule

UNLIMITED = UINT256_MAX + 1


def at_a_time(guards: Guards, offset: int) -> int:
    """Return the largest word that every rule at an offset lets pass; UNLIMITED without any."""
    return min(map(_largest, _rules_at(guards, offset)), default=UNLIMITED)


def least(guards: Guards, offset: int) -> int:
    """Return the smallest word that every rule at an offset lets pass."""
    return max(map(_smallest, _rules_at(guards, offset)), default=0)


def in_all(guards: Guards, offset: int) -> int:
    """Return the most that the words at an offset of all calls add up to; UNLIMITED where nothing says."""
    each = at_a_time(guards, offset)
    bounds = [max(0, rule.limit - rule.used) for rule in _rules_at(guards, offset) if rule.limit is not None]
    if guards.usage is not None and each < UNLIMITED:
        bounds.append(each * guards.usage.limit)
    return min(bounds, default=UNLIMITED)


def number(amount: int) -> int | None:
    """Return an amount, None for one without a limit."""
    return None if amount >= UNLIMITED else amount


def _rules_at(guards: Guards, offset: int) -> Sequence[Rule]:
    return [rule for rule in guards.rules.rules if rule.offset == offset] if guards.rules else []


def _largest(rule: Rule) -> int:
    reference = int.from_bytes(rule.reference, "big")
    if rule.condition in (Condition.EQUAL, Condition.LESS_OR_EQUAL):
        return reference
    if rule.condition is Condition.LESS_THAN:
        return max(0, reference - 1)
    if rule.condition is Condition.IN_RANGE:
        return reference & ((1 << 128) - 1)
    return UNLIMITED


def _smallest(rule: Rule) -> int:
    reference = int.from_bytes(rule.reference, "big")
    if rule.condition in (Condition.EQUAL, Condition.GREATER_OR_EQUAL):
        return reference
    if rule.condition is Condition.GREATER_THAN:
        return reference + 1
    return reference >> 128 if rule.condition is Condition.IN_RANGE else 0
