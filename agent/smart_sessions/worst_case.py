"""What somebody with the session key could take at most, computed from the session itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.domain.session import Session
from agent.domain.units import UINT256_MAX, Address, Timestamp, Wei
from agent.smart_sessions.addresses import ADMIN_SELECTOR, FALLBACK_SELECTOR, NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.addresses import PSEUDO_TARGET as PSEUDO
from agent.smart_sessions.guards import GuardedAction, Guards, guarded_actions, last_second, operation_guards
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from agent.smart_sessions.policies.uni_action import Condition, Rule

AMOUNT_OFFSETS = {TRANSFER: 32, APPROVE: 32, INCREASE_ALLOWANCE: 32, TRANSFER_FROM: 64}
_UNLIMITED = UINT256_MAX + 1


@dataclass(frozen=True, slots=True)
class Outflow:
    """What one action lets out of the account, in base units; None stands for no limit."""

    token: Address | None
    """None for the chain's own coin."""
    amount: int | None
    at_a_time: int | None
    to: Address | None
    """None for anybody."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a spender may pull out of the account without the session."""

    token: Address
    spender: Address
    amount: int


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Everything a leaked key could cost."""

    outflows: tuple[Outflow, ...]
    gas_wei: Wei | None
    """None: as much as the account holds."""
    operations: int | None
    until: Timestamp | None
    """The last second of use."""
    unbounded: tuple[str, ...]
    """What the key may do beyond amounts; empty in every session this agent makes."""

    @property
    def is_bounded(self) -> bool:
        """Whether every loss has a number and the session an end."""
        numbers = (self.gas_wei, self.until, *(flow.amount for flow in self.outflows))
        return not self.unbounded and None not in numbers

    @property
    def totals(self) -> Mapping[Address | None, int | None]:
        """The most that can leave by token, in base units, to whomever; gas counts to the coin's (None)."""
        amounts: dict[Address | None, list[int | None]] = {None: [self.gas_wei]}
        for flow in self.outflows:
            amounts.setdefault(flow.token, []).append(flow.amount)
        return {token: _sum(parts) for token, parts in amounts.items()}


def worst_case(session: Session, allowances: Iterable[Allowance] = ()) -> WorstCase:
    """Return the most that the session allows over its whole life, from zero use on.

    `allowances` are those the account is known to have given: a paymaster may take its fee from them.
    """
    every = operation_guards(session)
    actions = tuple(guarded_actions(session))
    return WorstCase(
        outflows=(
            *(flow for action in actions for flow in outflows(action, every)),
            *_fees(session, allowances),
        ),
        gas_wei=None if every.gas is None else every.gas.cost_limit_wei,
        operations=None if every.usage is None else every.usage.limit,
        until=last_second(every, actions),
        unbounded=tuple(_beyond_amounts(session, every, actions)),
    )


def outflows(action: GuardedAction, every: Guards) -> Iterator[Outflow]:
    """Yield what one action lets out: of its token, and of the chain's own coin."""
    if action.target == PSEUDO:
        return
    if action.selector in AMOUNT_OFFSETS:
        yield _token_outflow(action)
    value = _native_outflow(action, every)
    if value.amount != 0:
        yield value


def _token_outflow(action: GuardedAction) -> Outflow:
    guards, selector = action.guards, action.selector
    rules = guards.rules.rules if guards.rules else ()
    amount_rules = [rule for rule in rules if rule.offset == AMOUNT_OFFSETS[selector]]
    at_a_time = min(map(_largest, amount_rules), default=_UNLIMITED)
    bounds = [max(0, rule.limit - rule.used) for rule in amount_rules if rule.limit is not None]
    if guards.spending is not None:
        limits = {item.token: item.limit for item in guards.spending.limits}
        bounds.append(limits.get(action.target, 0))
    if guards.usage is not None and at_a_time < _UNLIMITED:
        bounds.append(at_a_time * guards.usage.limit)
    return Outflow(
        token=action.target,
        amount=_number(min(bounds, default=_UNLIMITED)),
        at_a_time=_number(at_a_time),
        to=action.pinned_recipient,
    )


def _native_outflow(action: GuardedAction, every: Guards) -> Outflow:
    guards = action.guards
    if guards.spending is not None:
        return Outflow(None, 0, 0, action.target)
    at_a_time = guards.rules.value_limit_per_use_wei if guards.rules else _UNLIMITED
    bounds = [limit.limit_wei for limit in (guards.value, every.value) if limit is not None]
    if at_a_time == 0:
        bounds.append(Wei(0))
    if guards.usage is not None and at_a_time < _UNLIMITED:
        bounds.append(Wei(at_a_time * guards.usage.limit))
    return Outflow(None, _number(min(bounds, default=_UNLIMITED)), _number(at_a_time), action.target)


def _largest(rule: Rule) -> int:
    """Return the largest word that passes the rule."""
    reference = int.from_bytes(rule.reference, "big")
    if rule.condition in (Condition.EQUAL, Condition.LESS_OR_EQUAL):
        return reference
    if rule.condition is Condition.LESS_THAN:
        return max(0, reference - 1)
    if rule.condition is Condition.IN_RANGE:
        return reference & ((1 << 128) - 1)
    return _UNLIMITED


def _fees(session: Session, allowances: Iterable[Allowance]) -> Iterator[Outflow]:
    if session.permit_erc4337_paymaster:
        for item in allowances:
            yield Outflow(item.token, item.amount, None, item.spender)


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _beyond_amounts(session: Session, every: Guards, actions: Iterable[GuardedAction]) -> Iterator[str]:
    for action in actions:
        yield from _beyond(action)
    yield from (f"the policy {stranger} on all operations is unknown" for stranger in every.strangers)
    if session.permit_erc4337_paymaster:
        yield "a paymaster may pay, and what it takes from the account's allowances is counted nowhere"
    signing = session.erc7739_policies
    if signing.allowed_erc7739_content or signing.erc1271_policies:
        yield "messages may be signed off chain in the account's name"


def _beyond(action: GuardedAction) -> Iterator[str]:
    if action.target == PSEUDO and action.selector == FALLBACK_SELECTOR:
        yield "any function of any contract may be called"
    elif action.target == PSEUDO and action.selector == ADMIN_SELECTOR:
        yield "the key may change sessions, and so allow itself everything"
    elif action.selector not in AMOUNT_OFFSETS and action.selector != NATIVE_TRANSFER_SELECTOR:
        yield f"the function 0x{action.selector.hex()} of {action.target} may be called"
    for stranger in action.guards.strangers:
        yield f"the policy {stranger} on 0x{action.selector.hex()} of {action.target} is unknown"


def _number(amount: int) -> int | None:
    return None if amount >= _UNLIMITED else amount
