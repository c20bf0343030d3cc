"""What a session lets through that another does not, side by side. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from agent.domain.session import PolicyData, Selector, Session
from agent.domain.units import Address, Hash32
from agent.smart_sessions.addresses import FALLBACK_SELECTOR, PSEUDO_TARGET, SMART_SESSION
from agent.smart_sessions.policies import POLICIES
from agent.smart_sessions.policies.policy import Slot
from agent.smart_sessions.policies.uni_action import Condition, Rule, UniAction
from agent.smart_sessions.reverts import Revert


class Direction(StrEnum):
    """Where a change leads."""

    WIDER = "wider"
    """The key may do something that it might not before; in doubt too."""
    NARROWER = "narrower"
    """The key may do less, and nothing more."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One policy of one list that comes, goes or is set otherwise; None stands for no policy."""

    action: "Action | None"
    """None for the list on operations."""
    policy: Address
    before: bytes | None
    after: bytes | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class ActionChange:
    """One function of one contract that may be called no more, or from now on."""

    target: Address
    selector: Selector
    direction: Direction


@dataclass(frozen=True, slots=True)
class RightChange:
    """A right without a policy: `paymaster` or `signing` (ERC-1271)."""

    right: str
    direction: Direction


Change = PolicyChange | ActionChange | RightChange
Action = tuple[Address, Selector]
Policies = Mapping[Address, bytes]
Actions = Mapping[Action, Policies]
_FALLBACK = (PSEUDO_TARGET, FALLBACK_SELECTOR)


def changes(before: Session, after: Session) -> tuple[Change, ...]:
    """Return every difference in what the two sessions allow; both under one validator, key and salt."""
    return tuple(_changes(before, after))


def _changes(before: Session, after: Session) -> Iterator[Change]:
    old, new = _last(before.user_op_policies), _last(after.user_op_policies)
    # Without any policy on operations no paymaster may pay, whatever the flag says.
    opened = not old and after.permit_erc4337_paymaster
    for change in _policies(None, old, new):
        yield replace(change, direction=Direction.WIDER) if opened else change
    yield from _action_changes(_actions(before), _actions(after))
    if before.permit_erc4337_paymaster != after.permit_erc4337_paymaster:
        wider = after.permit_erc4337_paymaster
        yield RightChange("paymaster", Direction.WIDER if wider else Direction.NARROWER)
    if before.erc7739_policies != after.erc7739_policies:
        gone = not after.erc7739_policies.allowed_erc7739_content
        yield RightChange("signing", Direction.NARROWER if gone else Direction.WIDER)


def _action_changes(old: Actions, new: Actions) -> Iterator[Change]:
    # A call without an action of its own is judged by the fallback action, if there is one.
    lost = Direction.WIDER if _FALLBACK in new else Direction.NARROWER
    yield from (ActionChange(*key, Direction.WIDER) for key in new if key not in old)
    yield from (ActionChange(*key, lost) for key in old if key not in new)
    for key in new:
        if key in old:
            yield from _policies(key, old[key], new[key])


def _policies(action: Action | None, before: Policies, after: Policies) -> Iterator[PolicyChange]:
    for policy in dict.fromkeys((*before, *after)):
        old, new = before.get(policy), after.get(policy)
        direction = None if old == new else _direction(policy, old, new)
        if direction is not None:
            yield PolicyChange(action, policy, old, new, direction)


def _direction(policy: Address, before: bytes | None, after: bytes | None) -> Direction | None:
    if before is None:
        return Direction.NARROWER
    if after is None:
        return Direction.WIDER
    old, new = _state(policy, before), _state(policy, after)
    if old is None or new is None:
        return Direction.WIDER
    if old == new:
        # Bytes that the contract does not look at.
        return None
    return Direction.WIDER if _widens(policy, old, new) else Direction.NARROWER


def _widens(policy: Address, old: object, new: object) -> bool:
    if _starts_lower(policy, old, new):
        return True
    if isinstance(old, UniAction) and isinstance(new, UniAction):
        value = new.value_limit_per_use_wei > old.value_limit_per_use_wei
        return value or not all(any(map(partial(_is_stricter, rule), new.rules)) for rule in old.rules)
    return POLICIES[policy].widens(old, new)


def _is_stricter(old: Rule, new: Rule) -> bool:
    """Say whether every call that the new rule lets through passed the old one too."""
    if (old.condition, old.offset) != (new.condition, new.offset):
        return False
    if old.limit is not None and (new.limit is None or new.limit > old.limit):
        return False
    if old.condition in (Condition.LESS_OR_EQUAL, Condition.LESS_THAN):
        return new.reference <= old.reference
    if old.condition in (Condition.GREATER_OR_EQUAL, Condition.GREATER_THAN):
        return new.reference >= old.reference
    return new.reference == old.reference


def _starts_lower(policy: Address, before: object, after: object) -> bool:
    # Init data of rules may begin with something used.
    used = {part.name: part.used for part in POLICIES[policy].parts(before)}
    return any(part.used < used.get(part.name, 0) for part in POLICIES[policy].parts(after))


def _state(policy: Address, init_data: bytes) -> object | None:
    known = POLICIES.get(policy)
    slot = Slot(Hash32(bytes(32)), SMART_SESSION, Address(bytes(20)))
    try:
        return None if known is None else known.initialized(slot, init_data, None)
    except Revert:
        return None


def _actions(session: Session) -> Actions:
    found: dict[Action, dict[Address, bytes]] = {}
    for item in session.actions:
        listed = found.setdefault((item.action_target, item.action_target_selector), {})
        listed.update(_last(item.action_policies))
    # An action without a policy counts as absent.
    return {action: policies for action, policies in found.items() if policies}


def _last(policies: tuple[PolicyData, ...]) -> dict[Address, bytes]:
    # Of a policy listed twice the last init data counts.
    return {item.policy: item.init_data for item in policies}
