"""UniActionPolicy compares words of the call data with references and adds some of them up."""

from dataclasses import dataclass
from enum import IntEnum

from agent.domain.units import UINT256_MAX, Address, Wei

ADDRESS = Address.parse("0x0000000000714Cf48FcF88A0bFBa70d313415032")
LEGACY_ADDRESS = Address.parse("0x0000006DDA6c463511C4e9B05CFc34C1247fCF1F")
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


def encode(config: UniAction) -> bytes:
    """Encode the init data; raise ValueError for no rule, too many, or a number that does not fit."""
    if not 1 <= len(config.rules) <= MAX_RULES:
        raise ValueError(f"{len(config.rules)} rules: need 1 to {MAX_RULES}")
    if not 0 <= config.value_limit_per_use_wei <= UINT256_MAX:
        raise ValueError(f"value limit per use {config.value_limit_per_use_wei} is not in 0 to 2^256-1")
    words = _word(config.value_limit_per_use_wei) + _word(len(config.rules))
    return (words + b"".join(map(encode_rule, config.rules))).ljust(SIZE, b"\0")


def decode(init_data: bytes) -> UniAction:
    """Read the init data; raise ValueError when it is none."""
    if len(init_data) < SIZE:
        raise ValueError(f"action rules need {SIZE} bytes, not {len(init_data)}")
    words = [int.from_bytes(init_data[start : start + 32], "big") for start in range(0, SIZE, 32)]
    if words[1] > MAX_RULES:
        raise ValueError(f"{words[1]} rules: at most {MAX_RULES}")
    rows = [words[2 + RULE_WORDS * index :][:RULE_WORDS] for index in range(words[1])]
    return UniAction(Wei(words[0]), tuple(_rule(row) for row in rows))


def encode_rule(rule: Rule) -> bytes:
    """Encode one rule: six words. Raise ValueError for a number that does not fit."""
    if not 0 <= rule.offset < 1 << 64 or len(rule.reference) != 32:
        raise ValueError(f"rule at offset {rule.offset}: need 64 bits and a reference of 32 bytes")
    limit = 0 if rule.limit is None else rule.limit
    if not (0 <= limit <= UINT256_MAX and 0 <= rule.used <= UINT256_MAX):
        raise ValueError(f"limit {limit} or use {rule.used} is not in 0 to 2^256-1")
    limited = int(rule.limit is not None)
    head = _word(rule.condition) + _word(rule.offset) + _word(limited)
    return head + rule.reference + _word(limit) + _word(rule.used)


def _rule(words: list[int]) -> Rule:
    condition, offset, limited, reference, limit, used = words
    if offset >> 64 or limited > 1:
        raise ValueError(f"rule with offset {offset} and flag {limited} does not decode")
    if condition not in list(Condition):
        raise ValueError(f"condition {condition} is unknown")
    return Rule(Condition(condition), offset, _word(reference), limit if limited else None, used)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
