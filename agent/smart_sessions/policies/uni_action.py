"""UniActionPolicy compares words of the call data with references and adds some of them up."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

from agent.domain.units import UINT128_MAX, UINT256_MAX, Address, Wei
from agent.smart_sessions.policies.policy import (
    GRANT_MORE,
    NEW_SESSION,
    ActionCall,
    Allowed,
    Answer,
    Charge,
    Part,
    Policy,
    Refused,
    Slot,
    Use,
    View,
    first_of,
)
from agent.smart_sessions.reverts import ARITHMETIC_PANIC, INDEX_PANIC, Revert

ADDRESS = Address.parse("0x0000000000714Cf48FcF88A0bFBa70d313415032")
LEGACY_ADDRESS = Address.parse("0x0000006DDA6c463511C4e9B05CFc34C1247fCF1F")
ACTION_CONFIGS_VIEW = bytes.fromhex("cc39a985")
VALUE_LIMIT_EXCEEDED = bytes.fromhex("8a8a722d")
MAX_RULES = 16
RULE_WORDS = 6
SIZE = 32 * (2 + MAX_RULES * RULE_WORDS)


class Condition(IntEnum):
    """How a word compares with the reference; both are unsigned."""

    EQUAL = 0
    GREATER_THAN = 1
    LESS_THAN = 2
    GREATER_OR_EQUAL = 3
    LESS_OR_EQUAL = 4
    NOT_EQUAL = 5
    IN_RANGE = 6
    """The reference holds two bounds of 128 bits, both included."""


_CONDITIONS = frozenset(map(int, Condition))


@dataclass(frozen=True, slots=True)
class Rule:
    """The word at `4 + offset` of the call data meets the condition; with a limit the sum stays under it."""

    condition: Condition
    offset: int
    reference: bytes
    limit: int | None = None
    used: int = 0
    """What the limit starts from: the contract takes it as given."""


@dataclass(frozen=True, slots=True)
class UniAction:
    """A cap on the native value of each call, and up to 16 rules, all of which must hold."""

    value_limit_per_use_wei: Wei
    rules: tuple[Rule, ...]


class TooManyRules(ValueError):
    """The init data decodes, but its number of rules is no index into sixteen."""


def encode(config: UniAction) -> bytes:
    """Encode the init data; raise ValueError for no rule, too many, or a number that does not fit."""
    if not 1 <= len(config.rules) <= MAX_RULES:
        raise ValueError(f"{len(config.rules)} rules: need 1 to {MAX_RULES}")
    if not 0 <= config.value_limit_per_use_wei <= UINT256_MAX:
        raise ValueError(f"value limit per use {config.value_limit_per_use_wei} is not in 0 to 2^256-1")
    words = _word(config.value_limit_per_use_wei) + _word(len(config.rules))
    return (words + b"".join(map(encode_rule, config.rules))).ljust(SIZE, b"\0")


@lru_cache(maxsize=4096)
def decode(init_data: bytes) -> UniAction:
    """Read the init data; raise ValueError when it is none. Rules not in use must decode too."""
    if len(init_data) < SIZE:
        raise ValueError(f"action rules need {SIZE} bytes, not {len(init_data)}")
    words = [int.from_bytes(init_data[start : start + 32], "big") for start in range(0, SIZE, 32)]
    rules = [_rule(words[start : start + RULE_WORDS]) for start in range(2, len(words), RULE_WORDS)]
    if words[1] > MAX_RULES:
        raise TooManyRules(f"{words[1]} rules: at most {MAX_RULES}")
    return UniAction(Wei(words[0]), tuple(rules[: words[1]]))


def encode_rule(rule: Rule) -> bytes:
    """Encode one rule: six words. Raise ValueError for a number that does not fit."""
    refuse_oversized(rule)
    limit = 0 if rule.limit is None else rule.limit
    limited = int(rule.limit is not None)
    head = _word(rule.condition) + _word(rule.offset) + _word(limited)
    return head + rule.reference + _word(limit) + _word(rule.used)


def refuse_oversized(rule: Rule) -> None:
    """Raise ValueError for a number that does not fit."""
    if not 0 <= rule.offset < 1 << 64 or len(rule.reference) != 32:
        raise ValueError(f"rule at offset {rule.offset}: need 64 bits and a reference of 32 bytes")
    limit = 0 if rule.limit is None else rule.limit
    if not (0 <= limit <= UINT256_MAX and 0 <= rule.used <= UINT256_MAX):
        raise ValueError(f"limit {limit} or use {rule.used} is not in 0 to 2^256-1")


def _rule(words: list[int]) -> Rule:
    condition, offset, limited, reference, limit, used = words
    if offset >> 64 or limited > 1:
        raise ValueError(f"rule with offset {offset} and flag {limited} does not decode")
    if condition not in _CONDITIONS:
        raise ValueError(f"condition {condition} is unknown")
    return Rule(Condition(condition), offset, _word(reference), limit if limited else None, used)


class UniActionPolicy(Policy):
    """Every rule must hold for every call of the action."""

    name = "UniAction"
    uses = frozenset((Use.ACTION,))

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> UniAction:
        try:
            return decode(init_data)
        except TooManyRules:
            raise Revert(INDEX_PANIC) from None
        except ValueError:
            raise Revert from None

    def check_action(self, slot: Slot, state: UniAction, call: ActionCall) -> Answer:
        if not state.rules:
            return Refused(
                "no_rules",
                f"the action can never be used: {NEW_SESSION}",
                revert=slot.not_initialized(),
            )
        if call.value > state.value_limit_per_use_wei:
            return value_refused(slot, call.value, state.value_limit_per_use_wei)
        return _check_rules(state, call)

    def parts(self, state: UniAction) -> tuple[Part, ...]:
        return tuple(
            Part(f"rule{index}", rule.limit, rule.used, "argument")
            for index, rule in enumerate(state.rules)
            if rule.limit is not None
        )

    def charged(self, state: UniAction, charge: Charge) -> UniAction:
        return _charged(state, charge)

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        return (View(self.address, ACTION_CONFIGS_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> UniAction:
        return decode(answers[0] or b"")

    def init_data(self, state: UniAction) -> bytes:
        words = _word(state.value_limit_per_use_wei) + _word(len(state.rules))
        return (words + b"".join(encode_rule(unused(rule)) for rule in state.rules)).ljust(SIZE, b"\0")

    def widens(self, granted: UniAction, found: UniAction) -> bool:
        if found.value_limit_per_use_wei > granted.value_limit_per_use_wei:
            return True
        return widened_rules(granted.rules, found.rules)


def unused(rule: Rule) -> Rule:
    """Return the rule as it is before its first use."""
    return replace(rule, used=0)


def widened_rules(granted: Sequence[Rule], found: Sequence[Rule]) -> bool:
    """Say whether a rule is gone, another one, or has a higher limit."""
    pairs = zip(granted, found, strict=False)
    return len(found) < len(granted) or any(_is_wider(old, new) for old, new in pairs)


def _is_wider(granted: Rule, found: Rule) -> bool:
    if replace(found, limit=None, used=0) != replace(granted, limit=None, used=0):
        return True
    if granted.limit is None:
        return False
    return found.limit is None or found.limit > granted.limit


def value_refused(slot: Slot, asked_wei: int, limit_wei: int) -> Refused:
    """Refuse more native value than one call may bring."""
    remedy = "send less with each call, or ask the owner for a session that allows it: sessions new"
    revert = VALUE_LIMIT_EXCEEDED + slot.config_id + _word(asked_wei) + _word(limit_wei)
    return Refused("value_per_use", remedy, "value", asked_wei, limit_wei, revert, relation="at most")


def holds(condition: Condition, word: int, reference: int) -> bool:
    """Compare a word of the call data with the reference, both unsigned."""
    if condition is Condition.IN_RANGE:
        return reference >> 128 <= word <= reference & UINT128_MAX
    return _COMPARISONS[condition](word, reference)


OTHER_ARGUMENT = "change the job's call, or ask the owner for a session that allows it: sessions new"
RELATIONS: dict[Condition, str] = {
    Condition.EQUAL: "equal to",
    Condition.GREATER_THAN: "above",
    Condition.LESS_THAN: "below",
    Condition.GREATER_OR_EQUAL: "at least",
    Condition.LESS_OR_EQUAL: "at most",
    Condition.NOT_EQUAL: "other than",
    Condition.IN_RANGE: "in the range",
}
"""In words, before the reference."""
_COMPARISONS: dict[Condition, Callable[[int, int], bool]] = {
    Condition.EQUAL: operator.eq,
    Condition.GREATER_THAN: operator.gt,
    Condition.LESS_THAN: operator.lt,
    Condition.GREATER_OR_EQUAL: operator.ge,
    Condition.LESS_OR_EQUAL: operator.le,
    Condition.NOT_EQUAL: operator.ne,
}


def _check_rules(state: UniAction, call: ActionCall) -> Answer:
    answers = [_check_rule(index, rule, call) for index, rule in enumerate(state.rules)]
    refusals = [answer for answer in answers if isinstance(answer, Refused)]
    if refusals:
        return first_of(refusals)
    charges = tuple(charge for answer in answers if isinstance(answer, Allowed) for charge in answer.charges)
    for charge in charges:
        state = _charged(state, charge)
    return Allowed(state, charges)


def _check_rule(index: int, rule: Rule, call: ActionCall) -> Answer:
    part = f"rule{index}"
    word = argument(part, rule, call)
    if isinstance(word, Refused):
        return word
    reference = int.from_bytes(rule.reference, "big")
    if not holds(rule.condition, word, reference):
        relation = RELATIONS[rule.condition]
        return Refused(
            "argument_refused", OTHER_ARGUMENT, part, word, reference, relation=relation, offset=rule.offset
        )
    if rule.limit is None:
        return Allowed(None)
    if rule.used + word > rule.limit:
        revert = ARITHMETIC_PANIC if rule.used + word > UINT256_MAX else None
        left = max(0, rule.limit - rule.used)
        return Refused("argument_limit", GRANT_MORE, part, word, left, revert, offset=rule.offset)
    return Allowed(None, (Charge(part, word),))


def argument(part: str, rule: Rule, call: ActionCall) -> int | Refused:
    """Return the word a rule looks at, or why the contract reverts when it does."""
    start = 4 + rule.offset
    if start + 32 >> 64:
        remedy = f"the rule can never hold: {NEW_SESSION}"
        return Refused("rule_unusable", remedy, part, revert=ARITHMETIC_PANIC)
    if len(call.data) < start + 32:
        remedy = "the call has too few arguments for the session's rule: report it to the job kind's author"
        return Refused("argument_missing", remedy, part, revert=b"")
    return int.from_bytes(call.data[start : start + 32], "big")


def _charged(state: UniAction, charge: Charge) -> UniAction:
    index = int(charge.part.removeprefix("rule"))
    rules = list(state.rules)
    rules[index] = replace(rules[index], used=rules[index].used + charge.amount)
    return replace(state, rules=tuple(rules))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
