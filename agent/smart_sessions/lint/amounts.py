"""Rules about how much may leave, how often, and to whom."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.domain.units import Address, Wei
from agent.smart_sessions.guards import GuardedAction
from agent.smart_sessions.ids import action_config_id, action_id
from agent.smart_sessions.lint.finding import Finding, Level, refuse, warn
from agent.smart_sessions.lint.reach import is_payment
from agent.smart_sessions.lint.selectors import ALLOWANCES, TRANSFER, TRANSFER_FROM, fixed_offsets
from agent.smart_sessions.lint.subject import Purpose, Subject
from agent.smart_sessions.pinned_swaps import is_swap, pinned_swap
from agent.smart_sessions.policies import erc20_spending_limit, uni_action
from agent.smart_sessions.policies.erc20_spending_limit import TokenUse
from agent.smart_sessions.worst_case import AMOUNT_OFFSETS, outflows

ENDLESS = 2**255
"""From here on a limit is none."""
LEAST_LIMIT_WEI = Wei(1)
"""The policy on coin knows no limit of zero: this one stands for it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one action may let out of one token; None stands for the chain's own coin."""

    action: GuardedAction
    token: Address | None
    most: int


def recipients(subject: Subject) -> Iterator[Finding]:
    """L11: a spending limit, and any recipient."""
    for action in subject.actions:
        pays = action.selector in (TRANSFER, TRANSFER_FROM)
        if pays and action.guards.spending is not None and action.pinned_recipient is None:
            yield refuse(
                "L11",
                f"{subject.called(action)} is limited in amount and free in recipient: a thief pays himself",
                "pin the recipient: a UniAction rule that the argument `to` is the payee",
            )
        yield from _swapped_for_others(subject, action)


def shared_limits(subject: Subject) -> Iterator[Finding]:
    """L12: several limits on one token add up."""
    for token, limits in _by_token(subject).items():
        if len(limits) < 2:
            continue
        total = sum(limit.most for limit in limits)
        sentence = f"{len(limits)} actions together may take {subject.amount(total, token)}"
        yield from _against_need(subject, "L12", token, total, sentence, alone=False)


def excessive_limits(subject: Subject) -> Iterator[Finding]:
    """L13: a limit that is none, above what the account holds, or above the need; it is for life."""
    for token, limits in _by_token(subject).items():
        for limit in limits:
            where = subject.called(limit.action)
            if limit.most >= ENDLESS:
                sentence = f"the limit of {where} is no limit"
                yield refuse("L13", sentence, "set the limit to what the job needs until the session ends")
            elif len(limits) == 1:
                sentence = f"{where} may take {subject.amount(limit.most, token)} in all"
                yield from _against_need(subject, "L13", token, limit.most, sentence, alone=True)
                yield from _against_balance(subject, token, limit.most, sentence)


def odd_tokens(subject: Subject) -> Iterator[Finding]:
    """L18: a limit counts what a call names, not what such a token moves."""
    traits = {} if subject.on_chain is None else subject.on_chain.traits
    for token in dict.fromkeys(item.action.target for item in _limits(subject)):
        if traits.get(token):
            sentence = f"the token {subject.name_of(token)} {' and '.join(traits[token])}"
            yield warn("L18", sentence, "a payment may fail, or move another amount than the limit counts")


def native_value(subject: Subject) -> Iterator[Finding]:
    """L19: the chain's coin may leave without a limit."""
    for action in subject.actions:
        for flow in outflows(action, subject.every):
            if flow.token is None and flow.amount is None:
                yield refuse(
                    "L19",
                    f"any amount of the chain's coin may leave with {subject.called(action)}",
                    "add a ValueLimit policy, or a UniAction policy with no value per use",
                )


def uses(subject: Subject) -> Iterator[Finding]:
    """L21: a payment that nothing counts, or that may be made more often than the jobs make it."""
    several = subject.owners is not None and len(subject.owners.addresses) > 1
    whole = subject.every.usage
    for action in filter(is_payment, subject.actions):
        if action.guards.usage is None and whole is None:
            sentence = f"nothing counts how often {subject.called(action)} is called"
            remedy = "add a UsageLimit policy: the expected payments and their retries"
            yield Finding("L21", Level.REFUSE if several else Level.WARN, sentence, remedy)
    purpose = subject.purpose
    if whole is not None and purpose is not None and whole.limit > purpose.operations:
        sentence = f"{whole.limit} operations are allowed, the jobs need {purpose.operations} with retries"
        yield warn("L21", sentence, "lower the UsageLimit policy on operations")


def arguments(subject: Subject) -> Iterator[Finding]:
    """L22: a rule that looks at the wrong place, or at an amount without adding it up."""
    for action in subject.actions:
        rules = action.guards.rules.rules if action.guards.rules else ()
        # Where all that decides a call is pinned, a caller has no choice of place.
        if pinned_swap(action) is not None:
            continue
        sure = fixed_offsets(action.selector)
        for rule in rules:
            where = f"a rule of {subject.called(action)} looks at byte {rule.offset}"
            if rule.offset % 32:
                yield refuse("L22", f"{where}, which is no multiple of 32", "rules look at whole arguments")
            elif sure is not None and rule.offset not in sure:
                sentence = f"{where}, where a caller may put anything"
                yield refuse("L22", sentence, "dynamic arguments cannot be pinned: grant another function")
        yield from _unsummed(subject, action, rules)


def left_for_next(subject: Subject) -> Iterator[Finding]:
    """L34: too little is left for the next payment, or the session ends before it."""
    coming = subject.purpose.next_use if subject.purpose else None
    if coming is None:
        return
    until = subject.every.frame.valid_until if subject.every.frame else 0
    if until and until < coming.due_at:
        sentence = f"the session ends at {until}, the next payment is due at {coming.due_at}"
        yield warn("L34", sentence, "ask the owner for a new session: sessionkeeper sessions new")
    for need in coming.actions:
        left = _left(subject, need.target, need.selector, need.token)
        if left is not None and left < need.token_total:
            asked, there = (subject.amount(units, need.token) for units in (need.token_total, left))
            sentence = f"{there} left, the next payment needs {asked}"
            yield warn("L34", sentence, "ask the owner for a new session: sessionkeeper sessions new")


def _swapped_for_others(subject: Subject, action: GuardedAction) -> Iterator[Finding]:
    swap = pinned_swap(action)
    called = subject.called(action)
    if swap is None:
        if is_swap(action.selector):
            sentence = f"{called} is free in recipient or path: a thief swaps for himself"
            yield refuse("L11", sentence, "pin tokens, pools and recipient: sessions new --for-job FILE")
    elif swap.recipients != {subject.account}:
        others = ", ".join(sorted(map(str, swap.recipients - {subject.account})))
        sentence = f"{called} pays what it buys to {others or 'nobody'}"
        yield refuse("L11", sentence, "pin the recipient of the swap to the account")


def _limits(subject: Subject) -> Iterator[Limit]:
    for action in subject.actions:
        for item in action.guards.spending.limits if action.guards.spending else ():
            if item.token == action.target:
                yield Limit(action, item.token, item.limit)
        if action.guards.value is not None and action.guards.value.limit_wei > LEAST_LIMIT_WEI:
            yield Limit(action, None, action.guards.value.limit_wei)


def _by_token(subject: Subject) -> Mapping[Address | None, list[Limit]]:
    found: dict[Address | None, list[Limit]] = defaultdict(list)
    for limit in _limits(subject):
        found[limit.token].append(limit)
    return found


def _needed(purpose: Purpose, token: Address | None) -> int:
    if token is None:
        return sum(action.value_total_wei for action in purpose.actions)
    return sum(action.token_total for action in purpose.actions if action.token == token)


def _against_need(
    subject: Subject, rule: str, token: Address | None, most: int, sentence: str, *, alone: bool
) -> Iterator[Finding]:
    if subject.purpose is None:
        if not alone:
            yield warn(rule, f"{sentence}; no job says what is needed", "compare it with what is to be paid")
        return
    needed = _needed(subject.purpose, token)
    if most > needed:
        # What is counted from today says nothing about a session that has paid already.
        level = Level.REFUSE if subject.purpose.is_since_made else Level.WARN
        text = f"{sentence}, the jobs need {subject.amount(needed, token)} with headroom"
        yield Finding(rule, level, text, "lower it to the need: sessionkeeper sessions new --for-job FILE")
    elif not alone:
        text = f"{sentence}, within the {subject.amount(needed, token)} that the jobs need"
        yield warn(rule, text, "one action a token is easier to watch")


def _against_balance(subject: Subject, token: Address | None, most: int, sentence: str) -> Iterator[Finding]:
    chain = subject.on_chain
    held = None if chain is None else chain.funds_wei if token is None else chain.balances.get(token)
    if held is not None and most > held:
        text = f"{sentence}, the account holds {subject.amount(held, token)}"
        yield warn("L13", text, "a limit above the balance guards nothing of it until it is paid in")


def _unsummed(
    subject: Subject, action: GuardedAction, rules: tuple[uni_action.Rule, ...]
) -> Iterator[Finding]:
    if not rules or action.selector not in AMOUNT_OFFSETS or action.selector in ALLOWANCES:
        return
    if any(flow.token is not None and flow.amount is None for flow in outflows(action, subject.every)):
        yield refuse(
            "L22",
            f"the rules of {subject.called(action)} limit each call and not the sum of all",
            "add a limit to the rule on the amount, or an ERC20SpendingLimit policy",
        )


def _left(subject: Subject, target: Address, selector: bytes, token: Address | None) -> int | None:
    """Return what is left of a token; None where there is no limit or the chain was not asked."""
    chain = subject.on_chain
    if token is None or chain is None or chain.counters is None or not chain.counters.enabled:
        return None
    action = action_id(target, selector)
    config = action_config_id(subject.account, subject.grant.permission_id, action)
    uses = chain.counters.state.policies.get((erc20_spending_limit.ADDRESS, config))
    if uses is None:
        return None
    use: TokenUse = uses.get(token, TokenUse())
    return max(0, use.limit - use.spent - use.approved)
