"""The policies of a session, decoded: what guards each action and every operation."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from agent.domain.session import ActionData, PolicyData, Selector, Session
from agent.domain.units import Address, Timestamp
from agent.smart_sessions.policies import (
    arg,
    contract_whitelist,
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.arg import ArgRules
from agent.smart_sessions.policies.arg_tree import Kind
from agent.smart_sessions.policies.contract_whitelist import ContractWhitelist
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
    SpendingLimits,
)
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit

Config = (
    SpendingLimits
    | SimpleGas
    | TimeFrame
    | UniAction
    | ArgRules
    | UsageLimit
    | ValueLimit
    | ContractWhitelist
)
ConfigT = TypeVar("ConfigT", bound=Config)

_DECODERS: dict[Address, Callable[[bytes], Config]] = {
    erc20_spending_limit.ADDRESS: erc20_spending_limit.decode,
    simple_gas.ADDRESS: simple_gas.decode,
    time_frame.ADDRESS: time_frame.decode,
    time_frame.LEGACY_ADDRESS: time_frame.decode_legacy,
    uni_action.ADDRESS: uni_action.decode,
    arg.ADDRESS: arg.decode,
    contract_whitelist.ADDRESS: contract_whitelist.decode,
    usage_limit.ADDRESS: usage_limit.decode,
    value_limit.ADDRESS: value_limit.decode,
}
AMOUNT_OFFSETS = {TRANSFER: 32, APPROVE: 32, INCREASE_ALLOWANCE: 32, TRANSFER_FROM: 64}
RECIPIENT_OFFSETS = {TRANSFER: 0, APPROVE: 0, INCREASE_ALLOWANCE: 0, TRANSFER_FROM: 32}
MAX_DEPTH = 8
"""Of a tree of rules: what lies deeper is taken to bound nothing."""
# A policy that is not understood bounds nothing, and neither does one that allows everything.
_SILENT = frozenset((sudo.ADDRESS,))


@dataclass(frozen=True, slots=True)
class Guards:
    """What is understood of one list of policies; None where nothing limits that side."""

    spending: SpendingLimits | None = None
    rules: UniAction | None = None
    """The rules of UniAction and ArgPolicy that hold for every call."""
    value: ValueLimit | None = None
    usage: UsageLimit | None = None
    gas: SimpleGas | None = None
    frame: TimeFrame | None = None
    whitelist: ContractWhitelist | None = None
    policies: tuple[Address, ...] = ()
    strangers: tuple[Address, ...] = ()
    """Policies the agent cannot read."""


@dataclass(frozen=True, slots=True)
class GuardedAction:
    """One function of one contract with its guards."""

    target: Address
    selector: Selector
    guards: Guards

    @property
    def pinned_recipient(self) -> Address | None:
        """The only address that tokens go or are allowed to; None for anybody."""
        offset = RECIPIENT_OFFSETS.get(self.selector)
        rules = self.guards.rules.rules if self.guards.rules else ()
        pinned = [rule for rule in rules if rule.offset == offset and rule.condition is Condition.EQUAL]
        return Address(pinned[0].reference[12:]) if pinned else None


def operation_guards(session: Session) -> Guards:
    """Return what guards every operation."""
    return _guards(session.user_op_policies)


def guarded_actions(session: Session) -> Iterator[GuardedAction]:
    """Yield the actions; one that is listed twice has the policies of both lists, as on chain."""
    merged: dict[tuple[Address, Selector], list[PolicyData]] = {}
    for action in session.actions:
        merged.setdefault(_key(action), []).extend(action.action_policies)
    for (target, selector), policies in merged.items():
        yield GuardedAction(target, selector, _guards(policies))


def last_second(every: Guards, actions: Iterable[GuardedAction]) -> Timestamp | None:
    """Return the last second in which the session can be used; None if it never ends."""
    # Every operation makes at least one call, so the last action to end ends the session too.
    ends = [_end(action.guards) for action in actions]
    longest = None if None in ends else max((end for end in ends if end is not None), default=None)
    return min((end for end in (_end(every), longest) if end is not None), default=None)


def _end(guards: Guards) -> Timestamp | None:
    return guards.frame.valid_until or None if guards.frame else None


def _rules(uni: UniAction | None, tree: ArgRules | None) -> UniAction | None:
    if tree is None:
        return uni
    certain = UniAction(tree.value_limit_per_use_wei, tuple(_certain(tree, tree.root, 1)))
    if uni is None:
        return certain
    value_wei = min(uni.value_limit_per_use_wei, certain.value_limit_per_use_wei)
    return UniAction(value_wei, (*uni.rules, *certain.rules))


def _certain(tree: ArgRules, index: int, depth: int) -> Iterator[Rule]:
    """Yield the rules that hold whenever the tree does: those reached through AND alone."""
    node = tree.nodes[index]
    if node.kind is Kind.RULE:
        yield tree.rules[node.rule]
    elif node.kind is Kind.AND and depth < MAX_DEPTH:
        yield from _certain(tree, node.left, depth + 1)
        yield from _certain(tree, node.right, depth + 1)


def _key(action: ActionData) -> tuple[Address, Selector]:
    return action.action_target, action.action_target_selector


def _guards(policies: Iterable[PolicyData]) -> Guards:
    # Of a policy listed twice the last init data counts.
    last = {item.policy: item.init_data for item in policies}
    found: dict[type, Config] = {}
    strangers = []
    for policy, init_data in last.items():
        config = _understood(policy, init_data)
        if config is not None:
            found[type(config)] = config
        elif policy not in _SILENT:
            strangers.append(policy)
    return Guards(
        spending=_of(found, SpendingLimits),
        rules=_rules(_of(found, UniAction), _of(found, ArgRules)),
        value=_of(found, ValueLimit),
        usage=_of(found, UsageLimit),
        gas=_of(found, SimpleGas),
        frame=_of(found, TimeFrame),
        whitelist=_of(found, ContractWhitelist),
        policies=tuple(last),
        strangers=tuple(strangers),
    )


# Sessions are looked at more than once, and those of one template hold much the same bytes.
@lru_cache(maxsize=256)
def decoded(policy: Address, init_data: bytes) -> Config | None:
    """Return what a policy says, None where it is not known; raise ValueError for bytes that say nothing."""
    decoder = _DECODERS.get(policy)
    return None if decoder is None else decoder(init_data)


def _understood(policy: Address, init_data: bytes) -> Config | None:
    try:
        return decoded(policy, init_data)
    except ValueError:
        return None


def _of(found: dict[type, Config], kind: type[ConfigT]) -> ConfigT | None:
    config = found.get(kind)
    return config if isinstance(config, kind) else None
