"""What somebody with the session key could take at most, computed from the session itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.domain.session import Session
from agent.domain.units import Address, Timestamp, Wei
from agent.smart_sessions.addresses import ADMIN_SELECTOR, FALLBACK_SELECTOR, NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.addresses import PSEUDO_TARGET as PSEUDO
from agent.smart_sessions.guards import GuardedAction, Guards, guarded_actions, last_second, operation_guards
from agent.smart_sessions.known_calls import KnownCall, known_call, permitted_spender, words_ruled
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from agent.smart_sessions.rule_bounds import UNLIMITED, at_a_time, in_all, number

AMOUNT_OFFSETS = {TRANSFER: 32, APPROVE: 32, INCREASE_ALLOWANCE: 32, TRANSFER_FROM: 64}
_COUNTED = frozenset((*AMOUNT_OFFSETS, NATIVE_TRANSFER_SELECTOR))


@dataclass(frozen=True, slots=True)
class Outflow:
    """What one action lets out of the account, in base units; None stands for no limit."""

    token: Address | None
    """None for the chain's own coin."""
    amount: int | None
    at_a_time: int | None
    to: Address | None
    """None for anybody."""
    pulled: bool = False
    """Whether the recipient takes it by an allowance, which may be after the session's end."""
    earlier: bool = False
    """Whether it can leave only by an allowance that the account gave before the session."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a spender may pull out of the account without the session, in base units of the token."""

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
    """What the key may do beyond amounts."""
    not_counted: tuple[str, ...] = ()
    """What the key may do under rules that leave no choice, and whose cost only the called contract knows."""
    calls: tuple[KnownCall, ...] = ()
    """Functions of which it is known what they do; what they take is among the outflows."""
    value_wei: Wei | None = None
    """What all actions together may let out of the chain's coin; None where only each has a limit."""
    lives: int = 1
    """How often every limit may be used up; the numbers are of all of them."""

    @property
    def is_bounded(self) -> bool:
        """Whether every loss has a number and the session an end."""
        numbers = (self.gas_wei, self.until, *(flow.amount for flow in self.outflows))
        return not self.unbounded and not self.not_counted and None not in numbers

    @property
    def totals(self) -> Mapping[Address | None, int | None]:
        """The most that can leave by token, in base units, to whomever; gas counts to the coin's (None)."""
        amounts: dict[Address | None, list[int | None]] = {None: []}
        for flow in self.outflows:
            amounts.setdefault(flow.token, []).append(flow.amount)
        sums = {token: _sum(parts) for token, parts in amounts.items()}
        return {**sums, None: _sum((_least(sums[None], self.value_wei), self.gas_wei))}

    def repeated(self, times: int) -> "WorstCase":
        """Return what is lost if every counter starts anew so often that the session is used `times` times.

        Whoever holds an unused enable signature can do that: enabling a live session resets its counters.
        """
        return replace(
            self,
            outflows=tuple(replace(flow, amount=_times(flow.amount, times)) for flow in self.outflows),
            gas_wei=_wei(_times(self.gas_wei, times)),
            operations=_times(self.operations, times),
            value_wei=_wei(_times(self.value_wei, times)),
            lives=self.lives * times,
        )


def worst_case(session: Session, allowances: Iterable[Allowance] | None = None) -> WorstCase:
    """Return the most that the session's contracts allow over its whole life, from zero use on.

    `allowances` are all that the account has given: a paymaster may take its fee from them, and from what
    the session itself may approve. None: nobody knows them, and a paymaster's fee has no bound.
    """
    every = operation_guards(session)
    actions = tuple(guarded_actions(session))
    calls = tuple(call for action in actions if (call := known_call(action)) is not None)
    flows = tuple(flow for action in actions for flow in outflows(action, every))
    return WorstCase(
        outflows=(*flows, *_taken(calls, flows), *_fees(session, allowances or ())),
        gas_wei=None if every.gas is None else every.gas.cost_limit_wei,
        operations=None if every.usage is None else every.usage.limit,
        until=last_second(every, actions),
        unbounded=tuple(_beyond_amounts(session, every, actions, allowances)),
        not_counted=tuple(_not_counted(actions, calls)),
        calls=calls,
        value_wei=None if every.value is None else every.value.limit_wei,
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
    guards, offset = action.guards, AMOUNT_OFFSETS[action.selector]
    bounds = [in_all(guards, offset)]
    if guards.spending is not None:
        limits = {item.token: item.limit for item in guards.spending.limits}
        bounds.append(limits.get(action.target, 0))
    return Outflow(
        token=action.target,
        amount=number(min(bounds)),
        at_a_time=number(at_a_time(guards, offset)),
        to=action.pinned_recipient,
        pulled=action.selector in (APPROVE, INCREASE_ALLOWANCE),
    )


def _native_outflow(action: GuardedAction, every: Guards) -> Outflow:
    guards = action.guards
    if guards.spending is not None:
        return Outflow(None, 0, 0, action.target)
    each = guards.rules.value_limit_per_use_wei if guards.rules else UNLIMITED
    bounds = [limit.limit_wei for limit in (guards.value, every.value) if limit is not None]
    if each == 0:
        bounds.append(Wei(0))
    if guards.usage is not None and each < UNLIMITED:
        bounds.append(Wei(each * guards.usage.limit))
    return Outflow(None, number(min(bounds, default=UNLIMITED)), number(each), action.target)


def _taken(calls: Sequence[KnownCall], flows: Sequence[Outflow]) -> Iterator[Outflow]:
    """Yield what known functions take beyond what the session itself may approve to the called contract.

    A contract takes by what it is allowed: either by these calls, or, if it is not what it seems, whenever it
    likes. It takes no more than the larger of what the calls and what the approvals add up to; allowances of
    before the session it has anyway, and the calls may use them up.
    """
    taken: dict[tuple[Address, Address, bool], list[Outflow]] = {}
    for call in calls:
        for token in dict.fromkeys(pull.token for pull in call.pulls):
            key = (token, call.action.target, call.by_allowance)
            taken.setdefault(key, []).append(_by_call(call, token))
    for (token, target, by_allowance), flows_of in taken.items():
        total = _sum([flow.amount for flow in flows_of])
        approved = _approved(token, target, calls, flows) if by_allowance else 0
        if approved is not None and (total is None or total > approved):
            each = [flow.at_a_time for flow in flows_of]
            most = None if None in each else max(item for item in each if item is not None)
            more = None if total is None else total - approved
            yield Outflow(token, more, most, target, earlier=by_allowance)


def _by_call(call: KnownCall, token: Address) -> Outflow:
    guards = call.action.guards
    places = [pull.amount_at for pull in call.pulls if pull.token == token]
    amounts = [number(in_all(guards, place)) for place in places]
    each = [number(at_a_time(guards, place)) for place in places]
    return Outflow(token, _sum(amounts), _sum(each), call.action.target)


def _approved(
    token: Address, target: Address, calls: Iterable[KnownCall], flows: Iterable[Outflow]
) -> int | None:
    """Return what the session may approve to a contract, directly and through Permit2; None for anything."""
    permits = {call.action.target for call in calls if permitted_spender(call.action) == (token, target)}
    spenders = {target, *permits}
    return _sum(
        [flow.amount for flow in flows if flow.pulled and flow.token == token and flow.to in spenders]
    )


def _fees(session: Session, allowances: Iterable[Allowance]) -> Iterator[Outflow]:
    if session.permit_erc4337_paymaster:
        for item in allowances:
            yield Outflow(item.token, item.amount, None, item.spender, pulled=True)


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _least(one: int | None, other: int | None) -> int | None:
    return min((number for number in (one, other) if number is not None), default=None)


def _times(number: int | None, times: int) -> int | None:
    return None if number is None else number * times


def _wei(number: int | None) -> Wei | None:
    return None if number is None else Wei(number)


def _beyond_amounts(
    session: Session,
    every: Guards,
    actions: Iterable[GuardedAction],
    allowances: Iterable[Allowance] | None,
) -> Iterator[str]:
    for action in actions:
        yield from _beyond(action)
    yield from (f"the policy {stranger} on all operations is unknown" for stranger in every.strangers)
    if session.permit_erc4337_paymaster and allowances is None:
        yield "a paymaster may pay, and what it takes from the account's allowances is counted nowhere"
    signing = session.erc7739_policies
    if signing.allowed_erc7739_content or signing.erc1271_policies:
        yield "messages may be signed off chain in the account's name"


def _beyond(action: GuardedAction) -> Iterator[str]:
    if action.target == PSEUDO and action.selector == FALLBACK_SELECTOR:
        listed = action.guards.whitelist
        of = "any contract" if listed is None else f"{len(listed.targets)} listed contracts"
        yield f"any function of {of} may be called"
    elif action.target == PSEUDO and action.selector == ADMIN_SELECTOR:
        yield "the key may change sessions, and so allow itself everything"
    elif action.selector not in _COUNTED and known_call(action) is None and not words_ruled(action):
        yield f"the function 0x{action.selector.hex()} of {action.target} may be called"
    for stranger in action.guards.strangers:
        yield f"the policy {stranger} on 0x{action.selector.hex()} of {action.target} is unknown"


def _not_counted(actions: Iterable[GuardedAction], calls: Iterable[KnownCall]) -> Iterator[str]:
    known = {(call.action.target, call.action.selector) for call in calls}
    for action in actions:
        is_said = action.target == PSEUDO or action.selector in _COUNTED
        count = 0 if is_said or (action.target, action.selector) in known else words_ruled(action)
        if count:
            words = "a word" if count == 1 else f"{count} words"
            yield (
                f"the function 0x{action.selector.hex()} of {action.target} may be called with these"
                f" arguments only ({words} that rules fix or bound, any behind are free); what it does is up"
                " to the contract"
            )
    for call in calls:
        if call.has_shares:
            yield (
                f"what {call.action.target} takes for a number of shares, as far as the account allowed it"
                " more before the session"
            )
