"""The boolean tree of ArgPolicy: its nodes, their packing, and whether a call makes it true."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from agent.domain.units import UINT256_MAX
from agent.smart_sessions.policies.policy import GRANT_MORE, NEW_SESSION, ActionCall, Charge, Refused
from agent.smart_sessions.policies.uni_action import Rule, argument, holds
from agent.smart_sessions.reverts import ARITHMETIC_PANIC

# The deployed contract recurses until its stack overflows, at a depth that is not known; no tree that
# somebody would write comes near.
MAX_DEPTH = 32
# A node with two parents is judged once for each: gas ends what would not end otherwise.
MAX_VISITS = 1024
_TOO_DEEP = f"the session's rules refer to themselves or nest too deep: {NEW_SESSION}"


class Kind(IntEnum):
    """What a node says."""

    RULE = 0
    NOT = 1
    AND = 2
    OR = 3


@dataclass(frozen=True, slots=True)
class Node:
    """One node; `rule`, `left` and `right` are indices, each read only by the kinds that have one."""

    kind: Kind
    rule: int = 0
    left: int = 0
    right: int = 0

    @property
    def children(self) -> tuple[int, ...]:
        """The nodes it refers to."""
        if self.kind is Kind.RULE:
            return ()
        return (self.left,) if self.kind is Kind.NOT else (self.left, self.right)


def pack(node: Node) -> int:
    """Pack a node into its word; raise ValueError for an index above 8 bits."""
    if not all(0 <= index < 256 for index in (node.rule, node.left, node.right)):
        raise ValueError(f"{node} has an index above 255")
    return node.kind | node.rule << 2 | node.left << 10 | node.right << 18


def unpack(word: int) -> Node:
    """Read a node; the bits above its 26 say nothing."""
    return Node(Kind(word & 3), word >> 2 & 255, word >> 10 & 255, word >> 18 & 255)


def refuse_endless(nodes: Sequence[Node], root: int) -> None:
    """Raise ValueError for a tree the contract cannot judge: one that refers to itself, or too large."""
    sizes: dict[int, tuple[int, int]] = {}

    def size(index: int, depth: int) -> tuple[int, int]:
        # A node below itself is not in `sizes` yet, so this ends there too.
        if depth > MAX_DEPTH:
            raise ValueError(f"the rules refer to themselves or nest deeper than {MAX_DEPTH}")
        if index not in sizes:
            below = [size(child, depth + 1) for child in nodes[index].children]
            height = 1 + max((high for high, _ in below), default=0)
            sizes[index] = height, 1 + sum(visits for _, visits in below)
        return sizes[index]

    height, visits = size(root, 1)
    if height > MAX_DEPTH or visits > MAX_VISITS:
        limits = f"at most {MAX_DEPTH} and {MAX_VISITS}"
        raise ValueError(f"the rules nest {height} deep and ask {visits} times: {limits}")


class Truth(IntEnum):
    """Whether a node holds, as far as one can know."""

    NO = 0
    MAYBE = 1
    """It depends on which operations in flight come first."""
    YES = 2


@dataclass(frozen=True, slots=True)
class LimitedRule:
    """A rule, what of its limit is used for sure, and what operations in flight may use besides."""

    rule: Rule
    used: int
    reserved: int = 0


class Unjudged(Exception):
    """The contract reverts while it judges."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


class Judgement:
    """Judges one call, charging limited rules that hold wherever they stand, as the contract does."""

    def __init__(self, nodes: Sequence[Node], rules: Sequence[LimitedRule], call: ActionCall) -> None:
        self.rules = list(rules)
        self.charges: list[Charge] = []
        self.exceeded: list[Refused] = []
        """Rules that had no room for the call."""
        self._nodes = nodes
        self._call = call
        self._visits = 0

    def truth(self, index: int, depth: int = 1, *, certain: bool = True) -> Truth:
        """Judge a node; `certain` tells that the contract does so too. Raise Unjudged."""
        self._visits += 1
        if depth > MAX_DEPTH or self._visits > MAX_VISITS:
            raise Unjudged(Refused("rules_endless", _TOO_DEEP, revert=b""))
        node = self._nodes[index]
        if node.kind is Kind.RULE:
            return self._rule(node.rule, certain=certain)
        left = self.truth(node.left, depth + 1, certain=certain)
        if node.kind is Kind.NOT:
            return Truth(Truth.YES - left)
        # Left decides alone when it can; only then is right not judged, and not charged.
        decisive = Truth.NO if node.kind is Kind.AND else Truth.YES
        if left is decisive:
            return left
        right = self.truth(node.right, depth + 1, certain=certain and left is not Truth.MAYBE)
        return min(left, right) if node.kind is Kind.AND else max(left, right)

    def _rule(self, index: int, *, certain: bool) -> Truth:
        part, limited = f"rule{index}", self.rules[index]
        rule = limited.rule
        word = argument(part, rule, self._call)
        if isinstance(word, Refused):
            raise Unjudged(word)
        if not holds(rule.condition, word, int.from_bytes(rule.reference, "big")):
            return Truth.NO
        if rule.limit is None:
            return Truth.YES
        return self._charged(index, part, rule.limit, word, certain=certain)

    def _charged(self, index: int, part: str, limit: int, word: int, *, certain: bool) -> Truth:
        limited = self.rules[index]
        most = limited.used + limited.reserved + word
        if most > UINT256_MAX:
            raise Unjudged(_exceeded(part, word, limit, limited, ARITHMETIC_PANIC))
        if most > limit:
            self.exceeded.append(_exceeded(part, word, limit, limited))
        if limited.used + word > limit:
            return Truth.NO
        truth = Truth.YES if most <= limit else Truth.MAYBE
        self.charges.append(Charge(part, word))
        if certain and truth is Truth.YES:
            self.rules[index] = LimitedRule(limited.rule, limited.used + word, limited.reserved)
        else:
            self.rules[index] = LimitedRule(limited.rule, limited.used, limited.reserved + word)
        return truth


def _exceeded(part: str, word: int, limit: int, limited: LimitedRule, revert: bytes | None = None) -> Refused:
    left = max(0, limit - limited.used - limited.reserved)
    offset = limited.rule.offset
    return Refused("argument_limit", GRANT_MORE, part, word, left, revert, offset=offset)
