"""Rules joined by and, or and not, compiled into the tree that ArgPolicy judges."""

from dataclasses import dataclass
from typing import assert_never

from agent.domain.units import Wei
from agent.smart_sessions.policies.arg import MAX_NODES, MAX_RULES, ArgRules
from agent.smart_sessions.policies.arg_tree import Kind, Node
from agent.smart_sessions.policies.uni_action import Rule


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its inner expression does not."""

    inner: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """Holds where both sides do; the right one is asked only then."""

    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Or:
    """Holds where one side does; the right one is asked only where the left does not hold."""

    left: "Expression"
    right: "Expression"


Expression = Rule | Not | And | Or


def compiled(expression: Expression, value_limit_per_use_wei: Wei = Wei(0)) -> ArgRules:
    """Return the tree of an expression for ArgPolicy, children before parents, as the vendor's SDK has it.

    Raise ValueError for more than 128 rules or 256 nodes. `value_limit_per_use_wei` is what one call may
    bring of the chain's own coin.
    """
    rules: list[Rule] = []
    nodes: list[Node] = []
    root = _append(expression, rules, nodes)
    if len(rules) > MAX_RULES or len(nodes) > MAX_NODES:
        raise ValueError(
            f"{len(rules)} rules in {len(nodes)} nodes: at most {MAX_RULES} rules and {MAX_NODES} nodes"
        )
    return ArgRules(value_limit_per_use_wei, root, tuple(rules), tuple(nodes))


def _append(expression: Expression, rules: list[Rule], nodes: list[Node]) -> int:
    """Append the nodes of an expression and return the index of its own."""
    match expression:
        case Rule():
            node = Node(Kind.RULE, rule=len(rules))
            rules.append(expression)
        case Not(inner):
            node = Node(Kind.NOT, left=_append(inner, rules, nodes))
        case And(left, right):
            node = Node(Kind.AND, left=_append(left, rules, nodes), right=_append(right, rules, nodes))
        case Or(left, right):
            node = Node(Kind.OR, left=_append(left, rules, nodes), right=_append(right, rules, nodes))
        case _:
            assert_never(expression)
    nodes.append(node)
    return len(nodes) - 1
