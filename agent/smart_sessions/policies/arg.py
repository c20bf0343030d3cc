"""ArgPolicy asks a boolean tree of rules about the arguments of each call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError

from agent.domain.units import UINT256_MAX, Address, Wei
from agent.smart_sessions.policies.arg_tree import (
    Judgement,
    Kind,
    LimitedRule,
    Node,
    Truth,
    Unjudged,
    pack,
    refuse_endless,
    unpack,
)
from agent.smart_sessions.policies.policy import (
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
)
from agent.smart_sessions.policies.uni_action import (
    ACTION_CONFIGS_VIEW,
    OTHER_ARGUMENT,
    Condition,
    Rule,
    refuse_oversized,
    unused,
    value_refused,
    widened_rules,
)
from agent.smart_sessions.reverts import Revert

ADDRESS = Address.parse("0x0000000000167edE64D8751daACDdC0312565a73")
EMPTY_EXPRESSION_TREE = bytes.fromhex("91ffe7d8")
TOO_MANY_RULES = bytes.fromhex("6a4864d9")
RULE_INDEX_OUT_OF_BOUNDS = bytes.fromhex("2509a187")
NODE_CHILD_INDEX_OUT_OF_BOUNDS = bytes.fromhex("1d45ed10")
MAX_RULES = 128
MAX_NODES = 256
_TYPE = "(uint256,(uint8,(uint8,uint64,bool,bytes32,(uint256,uint256))[],uint256[]))"


@dataclass(frozen=True, slots=True)
class ArgRules:
    """A cap on the native value of each call, and a tree that must be true for it."""

    value_limit_per_use_wei: Wei
    root: int
    rules: tuple[Rule, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ArgState:
    """The rules with what is used, and by rule what operations in flight may use besides."""

    config: ArgRules
    reserved: tuple[int, ...]


class InvalidTree(ValueError):
    """The init data decodes, but the contract refuses its tree."""

    def __init__(self, revert: bytes, reason: str) -> None:
        super().__init__(reason)
        self.revert = revert


def all_of(value_limit_per_use_wei: Wei, rules: Sequence[Rule]) -> ArgRules:
    """Return a tree in which every rule must hold: AND over pairs, so that it stays low. Needs a rule."""
    nodes = [Node(Kind.RULE, rule=index) for index in range(len(rules))]
    level = list(range(len(rules)))
    while len(level) > 1:
        joined = []
        for left, right in zip(level[::2], level[1::2], strict=False):
            joined.append(len(nodes))
            nodes.append(Node(Kind.AND, left=left, right=right))
        level = joined + level[2 * len(joined) :]
    return ArgRules(value_limit_per_use_wei, level[0], tuple(rules), tuple(nodes))


def encode(config: ArgRules) -> bytes:
    """Encode the init data; raise ValueError for what the contract refuses or could never judge."""
    if not 0 <= config.value_limit_per_use_wei <= UINT256_MAX:
        raise ValueError(f"value limit per use {config.value_limit_per_use_wei} is not in 0 to 2^256-1")
    if not config.rules:
        raise ValueError("a tree needs at least one rule")
    _refuse_invalid(config)
    refuse_endless(config.nodes, config.root)
    return _encoded(config)


def decode(init_data: bytes) -> ArgRules:
    """Read the init data; raise ValueError when it is none, InvalidTree when the contract refuses it."""
    try:
        ((value_limit, (root, rules, nodes)),) = abi_decode([_TYPE], init_data)
    except DecodingError as error:
        raise ValueError(f"rules and nodes do not decode: {error}") from error
    config = ArgRules(Wei(value_limit), root, tuple(map(_rule, rules)), tuple(map(unpack, nodes)))
    _refuse_invalid(config)
    return config


class ArgPolicy(Policy):
    """The tree must be true for every call of the action."""

    name = "Arg"
    uses = frozenset((Use.ACTION,))

    def initialized(self, slot: Slot, init_data: bytes, previous: object) -> ArgState:
        try:
            return _unreserved(decode(init_data))
        except InvalidTree as invalid:
            raise Revert(invalid.revert) from None
        except ValueError:
            raise Revert from None

    def check_action(self, slot: Slot, state: ArgState, call: ActionCall) -> Answer:
        config = state.config
        if not config.rules:
            return Refused(
                "no_rules",
                f"the action can never be used: {NEW_SESSION}",
                revert=slot.not_initialized(),
            )
        if call.value > config.value_limit_per_use_wei:
            return value_refused(slot, call.value, config.value_limit_per_use_wei)
        return _judged(state, call)

    def parts(self, state: ArgState) -> tuple[Part, ...]:
        return tuple(
            Part(f"rule{index}", rule.limit, rule.used + reserved, "argument")
            for index, (rule, reserved) in enumerate(zip(state.config.rules, state.reserved, strict=True))
            if rule.limit is not None
        )

    def charged(self, state: ArgState, charge: Charge) -> ArgState:
        # More use can make a negated rule true: what may be used is kept apart from what is.
        index = int(charge.part.removeprefix("rule"))
        reserved = list(state.reserved)
        reserved[index] += charge.amount
        return replace(state, reserved=tuple(reserved))

    def views(self, slot: Slot, init_data: bytes) -> tuple[View, ...]:
        return (View(self.address, ACTION_CONFIGS_VIEW + slot.words()),)

    def state_from(self, slot: Slot, init_data: bytes, answers: Sequence[bytes | None]) -> ArgState:
        # The view returns the two fields of the struct that the init data wraps.
        return _unreserved(decode((32).to_bytes(32, "big") + (answers[0] or b"")))

    def init_data(self, state: ArgState) -> bytes:
        return _encoded(replace(state.config, rules=tuple(map(unused, state.config.rules))))

    def widens(self, granted: ArgState, found: ArgState) -> bool:
        old, new = granted.config, found.config
        if new.value_limit_per_use_wei > old.value_limit_per_use_wei:
            return True
        if (new.root, new.nodes, len(new.rules)) != (old.root, old.nodes, len(old.rules)):
            return True
        # Below a negation a lower limit lets more through.
        negated = any(node.kind is Kind.NOT for node in old.nodes)
        return [*map(unused, old.rules)] != [*map(unused, new.rules)] and (
            negated or widened_rules(old.rules, new.rules)
        )


def _judged(state: ArgState, call: ActionCall) -> Answer:
    config = state.config
    rules = map(LimitedRule, config.rules, (rule.used for rule in config.rules), state.reserved)
    judgement = Judgement(config.nodes, tuple(rules), call)
    try:
        truth = judgement.truth(config.root)
    except Unjudged as unjudged:
        return unjudged.refused
    if truth is not Truth.YES:
        return Refused("arguments_refused", OTHER_ARGUMENT, further=tuple(judgement.exceeded))
    used = tuple(replace(item.rule, used=item.used) for item in judgement.rules)
    reserved = tuple(item.reserved for item in judgement.rules)
    return Allowed(ArgState(replace(config, rules=used), reserved), tuple(judgement.charges))


def _encoded(config: ArgRules) -> bytes:
    nodes = [pack(node) for node in config.nodes]
    rules = [_rule_tuple(rule) for rule in config.rules]
    return abi_encode([_TYPE], [(config.value_limit_per_use_wei, (config.root, rules, nodes))])


def _unreserved(config: ArgRules) -> ArgState:
    return ArgState(config, (0,) * len(config.rules))


def _refuse_invalid(config: ArgRules) -> None:
    # How the contract answers too many nodes or a root that is none was never seen.
    if len(config.rules) > MAX_RULES or len(config.nodes) > MAX_NODES:
        counts = f"{len(config.rules)} rules and {len(config.nodes)} nodes"
        raise InvalidTree(TOO_MANY_RULES, f"{counts}: at most {MAX_RULES} and {MAX_NODES}")
    if not config.nodes:
        raise InvalidTree(EMPTY_EXPRESSION_TREE, "the tree has no node")
    for index, node in enumerate(config.nodes):
        if node.kind is Kind.RULE and node.rule >= len(config.rules):
            raise InvalidTree(RULE_INDEX_OUT_OF_BOUNDS, f"node {index} names rule {node.rule}: there is none")
        if any(child >= len(config.nodes) for child in node.children):
            raise InvalidTree(NODE_CHILD_INDEX_OUT_OF_BOUNDS, f"node {index} names a node that is not there")
    if config.root >= len(config.nodes):
        raise InvalidTree(NODE_CHILD_INDEX_OUT_OF_BOUNDS, f"the root {config.root} is no node")


def _rule(fields: tuple[Any, ...]) -> Rule:
    condition, offset, limited, reference, (limit, used) = fields
    if condition not in list(Condition):
        raise ValueError(f"condition {condition} is unknown")
    return Rule(Condition(condition), offset, reference, limit if limited else None, used)


def _rule_tuple(rule: Rule) -> tuple[Any, ...]:
    refuse_oversized(rule)
    limit = 0 if rule.limit is None else rule.limit
    return (rule.condition, rule.offset, rule.limit is not None, rule.reference, (limit, rule.used))
