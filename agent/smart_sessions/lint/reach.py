"""Rules about what a session may call: everything, itself, the account, routers, uncounted ways out."""

from collections.abc import Iterator

from agent.domain.units import Address
from agent.erc4337.version import CANONICAL_ENTRY_POINTS
from agent.smart_sessions.addresses import (
    ADMIN_SELECTOR,
    FALLBACK_SELECTOR,
    NATIVE_TRANSFER_SELECTOR,
    PSEUDO_TARGET,
    SMART_SESSION,
    SMART_SESSION_PREVIOUS,
)
from agent.smart_sessions.guards import GuardedAction
from agent.smart_sessions.lint.finding import Finding, refuse, warn
from agent.smart_sessions.lint.owners import OWNABLE_VALIDATORS, WEB_AUTHN_VALIDATOR
from agent.smart_sessions.lint.selectors import (
    ALLOWANCES,
    DEPOSIT_TO,
    FREE_FORM,
    MOVES_VALUE,
    OWNERSHIP,
    TRANSFER_FROM,
    UNCOUNTED,
)
from agent.smart_sessions.lint.subject import Subject
from agent.smart_sessions.pinned_swaps import pinned_swap
from agent.smart_sessions.policies import POLICIES, sudo
from agent.smart_sessions.policies.uni_action import Condition

POWERFUL = frozenset(
    (
        *CANONICAL_ENTRY_POINTS.values(),
        *OWNABLE_VALIDATORS,
        WEB_AUTHN_VALIDATOR,
        SMART_SESSION,
        SMART_SESSION_PREVIOUS,
        *POLICIES,
    )
)
_LESS = "grant single functions of single contracts: sessionkeeper sessions new --for-job FILE"


def any_call(subject: Subject) -> Iterator[Finding]:
    """L01: the fallback action without a policy that looks at the target."""
    for action in subject.actions:
        if _is_pseudo(action, FALLBACK_SELECTOR) and action.guards.whitelist is None:
            yield refuse("L01", "the key may call any function of any contract", _LESS)


def own_sessions(subject: Subject) -> Iterator[Finding]:
    """L02: the action that lets a key call the module that holds its own limits."""
    if any(_is_pseudo(action, ADMIN_SELECTOR) for action in subject.actions):
        sentence = "the key may change the account's sessions, and so grant itself anything"
        yield refuse("L02", sentence, "take the action 0x00000002 of address one out of the session")


def power_over_account(subject: Subject) -> Iterator[Finding]:
    """L03: the account itself, its modules, the EntryPoint, factories."""
    powerful = POWERFUL | subject.infrastructure | {subject.session.session_validator, subject.smart_session}
    if subject.on_chain is not None:
        powerful |= subject.on_chain.modules
    for action in subject.actions:
        for target in _targets(action):
            if target == subject.account:
                yield refuse("L03", f"the key may call the account itself: {subject.called(action)}", _LESS)
            elif target in powerful and not _is_pinned_deposit(action):
                sentence = f"the key may call {target}, which has power over the account"
                yield refuse("L03", sentence, _LESS)


def ownership(subject: Subject) -> Iterator[Finding]:
    """L04: functions by which an account changes hands."""
    for action in subject.actions:
        if action.selector in OWNERSHIP:
            sentence = f"the key may take over what it calls: {subject.called(action)}"
            yield refuse("L04", sentence, "take this action out of the session")


def unlimited_moves(subject: Subject) -> Iterator[Finding]:
    """L05: a function that moves value, and nothing that limits how much."""
    for action in subject.actions:
        guards = action.guards
        if action.selector in MOVES_VALUE and guards.spending is None and not _has_rules(action):
            is_sudo = guards.policies == (sudo.ADDRESS,)
            by = "SudoPolicy alone guards" if is_sudo else "nothing limits what goes through"
            yield refuse(
                "L05",
                f"{by} {subject.called(action)}",
                "limit amount and recipient: ERC20SpendingLimit and UniAction policies on the action",
            )


def allowances(subject: Subject) -> Iterator[Finding]:
    """L14: an allowance where a transfer would do, for any spender, or without end."""
    for action in subject.actions:
        if action.selector not in ALLOWANCES:
            continue
        if subject.needed(action.target, action.selector) is False:
            sentence = f"{subject.called(action)} is granted and no job needs an allowance"
            yield refuse("L14", sentence, "grant transfer alone")
        if action.pinned_recipient is None:
            sentence = f"{subject.called(action)} takes any spender"
            yield refuse("L14", sentence, "pin the spender: a UniAction rule that argument 1 is the spender")
        limits = action.guards.spending.limits if action.guards.spending else ()
        if any(item.limit >= 2**255 for item in limits):
            sentence = f"{subject.called(action)} may allow everything: its limit is no limit"
            yield refuse("L14", sentence, "set the limit to what the job needs")


def allowance_loop(subject: Subject) -> Iterator[Finding]:
    """L15: an allowance for a router, and the router's functions that take any call."""
    approvals = [action for action in subject.actions if action.selector in ALLOWANCES]
    free = [
        action
        for action in subject.actions
        if (action.selector in FREE_FORM and pinned_swap(action) is None)
        or _is_pseudo(action, FALLBACK_SELECTOR)
    ]
    for action in free if approvals else ():
        sentence = (
            f"{subject.called(approvals[0])} feeds {subject.called(action)}, which takes any call:"
            " what is allowed can be sent to anybody"
        )
        yield refuse("L15", sentence, "grant the router's single function with its recipient pinned")


def uncounted(subject: Subject) -> Iterator[Finding]:
    """L16: ways out of a token that its spending limit does not see."""
    for action in subject.actions:
        if action.selector in UNCOUNTED and action.guards.spending is None:
            sentence = f"no spending limit counts what leaves by {subject.called(action)}"
            yield refuse("L16", sentence, "take this action out of the session and grant transfer")


def third_parties(subject: Subject) -> Iterator[Finding]:
    """L17: pulling from others who trust the account."""
    for action in subject.actions:
        if action.selector == TRANSFER_FROM:
            sentence = f"{subject.called(action)} also pulls from others who gave the account an allowance"
            yield warn("L17", sentence, "grant transfer instead, or pin argument 1 to the account")


def whitelist_alone(subject: Subject) -> Iterator[Finding]:
    """L23: a list of contracts, and no word about their functions."""
    for action in subject.actions:
        whitelist = action.guards.whitelist
        if whitelist is not None and not _has_rules(action) and action.guards.spending is None:
            count = len(whitelist.targets)
            if action.target == PSEUDO_TARGET:
                sentence = f"the key may call every function of {count} listed contracts"
            else:
                sentence = f"only the target of {subject.called(action)} is checked, not its arguments"
            yield refuse("L23", sentence, _LESS)


def _is_pinned_deposit(action: GuardedAction) -> bool:
    """Whether it only pays in for one account at an EntryPoint, which gives no power over anybody."""
    rules = action.guards.rules.rules if action.guards.rules else ()
    pinned = any(rule.offset == 0 and rule.condition is Condition.EQUAL for rule in rules)
    at_entry_point = action.target in CANONICAL_ENTRY_POINTS.values()
    return at_entry_point and action.selector == DEPOSIT_TO and pinned


def _targets(action: GuardedAction) -> Iterator[Address]:
    yield action.target
    if action.guards.whitelist is not None:
        yield from action.guards.whitelist.targets


def _has_rules(action: GuardedAction) -> bool:
    return action.guards.rules is not None and bool(action.guards.rules.rules)


def _is_pseudo(action: GuardedAction, selector: bytes) -> bool:
    return action.target == PSEUDO_TARGET and action.selector == selector


def is_payment(action: GuardedAction) -> bool:
    """Whether the action moves value."""
    return action.selector in MOVES_VALUE or action.selector == NATIVE_TRANSFER_SELECTOR
