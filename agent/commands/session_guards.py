"""The policies of a session, decoded: what guards each action and every operation."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from agent.domain.session import ActionData, PolicyData, Selector, Session
from agent.domain.units import Address
from agent.smart_sessions.policies import (
    erc20_spending_limit,
    simple_gas,
    sudo,
    time_frame,
    uni_action,
    usage_limit,
    value_limit,
)
from agent.smart_sessions.policies.erc20_spending_limit import SpendingLimits
from agent.smart_sessions.policies.simple_gas import SimpleGas
from agent.smart_sessions.policies.time_frame import TimeFrame
from agent.smart_sessions.policies.uni_action import UniAction
from agent.smart_sessions.policies.usage_limit import UsageLimit
from agent.smart_sessions.policies.value_limit import ValueLimit

ConfigT = TypeVar("ConfigT", SpendingLimits, SimpleGas, TimeFrame, UniAction, UsageLimit, ValueLimit)
Config = SpendingLimits | SimpleGas | TimeFrame | UniAction | UsageLimit | ValueLimit

_DECODERS: dict[Address, Callable[[bytes], Config]] = {
    erc20_spending_limit.ADDRESS: erc20_spending_limit.decode,
    simple_gas.ADDRESS: simple_gas.decode,
    time_frame.ADDRESS: time_frame.decode,
    time_frame.LEGACY_ADDRESS: time_frame.decode_legacy,
    uni_action.ADDRESS: uni_action.decode,
    usage_limit.ADDRESS: usage_limit.decode,
    value_limit.ADDRESS: value_limit.decode,
}
# A policy that is not understood bounds nothing, and neither does one that allows everything.
_SILENT = frozenset((sudo.ADDRESS,))


@dataclass(frozen=True, slots=True)
class Guards:
    """What is understood of one list of policies; None where nothing limits that side."""

    spending: SpendingLimits | None = None
    rules: UniAction | None = None
    value: ValueLimit | None = None
    usage: UsageLimit | None = None
    gas: SimpleGas | None = None
    frame: TimeFrame | None = None
    strangers: tuple[Address, ...] = ()
    """Policies the agent cannot read."""


@dataclass(frozen=True, slots=True)
class GuardedAction:
    """One function of one contract with its guards."""

    target: Address
    selector: Selector
    guards: Guards


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


def _key(action: ActionData) -> tuple[Address, Selector]:
    return action.action_target, action.action_target_selector


def _guards(policies: Iterable[PolicyData]) -> Guards:
    # Of a policy listed twice the last init data counts.
    last = {item.policy: item.init_data for item in policies}
    found: dict[type[Config], Config] = {}
    strangers = []
    for policy, init_data in last.items():
        config = _decoded(policy, init_data)
        if config is not None:
            found[type(config)] = config
        elif policy not in _SILENT:
            strangers.append(policy)
    return Guards(
        spending=_of(found, SpendingLimits),
        rules=_of(found, UniAction),
        value=_of(found, ValueLimit),
        usage=_of(found, UsageLimit),
        gas=_of(found, SimpleGas),
        frame=_of(found, TimeFrame),
        strangers=tuple(strangers),
    )


def _decoded(policy: Address, init_data: bytes) -> Config | None:
    decoder = _DECODERS.get(policy)
    if decoder is None:
        return None
    try:
        return decoder(init_data)
    except ValueError:
        return None


def _of(found: dict[type[Config], Config], kind: type[ConfigT]) -> ConfigT | None:
    config = found.get(kind)
    return config if isinstance(config, kind) else None
