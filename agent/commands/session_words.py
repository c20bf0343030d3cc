"""Sessions in plain words, for owners and operators."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from agent.domain.session import Session
from agent.domain.token import Token, decimal_text
from agent.domain.units import Address, Timestamp
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.guards import GuardedAction, Guards, guarded_actions, operation_guards
from agent.smart_sessions.known_calls import Does, KnownCall, Pull
from agent.smart_sessions.policies.erc20_spending_limit import (
    APPROVE,
    INCREASE_ALLOWANCE,
    TRANSFER,
    TRANSFER_FROM,
)
from agent.smart_sessions.policies.uni_action import Condition, Rule
from agent.smart_sessions.rule_bounds import at_a_time, least, number
from agent.smart_sessions.worst_case import Outflow, WorstCase

FUNCTIONS = {
    TRANSFER: "transfer(address,uint256)",
    TRANSFER_FROM: "transferFrom(address,address,uint256)",
    APPROVE: "approve(address,uint256)",
    INCREASE_ALLOWANCE: "increaseAllowance(address,uint256)",
    NATIVE_TRANSFER_SELECTOR: "a plain payment",
}
_SIGNS = {
    Condition.EQUAL: "is",
    Condition.GREATER_THAN: "is above",
    Condition.LESS_THAN: "is below",
    Condition.GREATER_OR_EQUAL: "is at least",
    Condition.LESS_OR_EQUAL: "is at most",
    Condition.NOT_EQUAL: "is not",
    Condition.IN_RANGE: "is in the range",
}
Tokens = Mapping[Address, Token]


def worst_case_words(worst: WorstCase, tokens: Tokens) -> tuple[str, ...]:
    """Say what a leaked key could cost; the first line has the amounts."""
    amounts = [*(_outflow_words(flow, tokens) for flow in worst.outflows), _gas_words(worst)]
    until = "without an end" if worst.until is None else f"until {date_text(worst.until)}"
    count = "" if worst.operations is None else f", in {worst.operations} operations at most"
    lines = [f"If this key leaks: {' and '.join(amounts)}, {until}{count}."]
    lines += [_call_words(call, tokens) for call in worst.calls if call.does is not Does.ALLOW]
    lines += [f"Not in these numbers: {reason}." for reason in worst.not_counted]
    return (*lines, *(f"Without a bound: {reason}." for reason in worst.unbounded))


def most_words(worst: WorstCase, tokens: Tokens) -> str:
    """Say in one sentence the most that can leave by a leaked key: of what, to whom, until when."""
    parts = [_most(worst, token, amount, tokens) for token, amount in worst.totals.items() if amount != 0]
    most = " and ".join(parts) or "nothing"
    until = (
        "at any time, for the session has no end"
        if worst.until is None
        else f"until {date_text(worst.until)}"
    )
    if worst.unbounded:
        return (
            f"If this key leaks, there is no bound on what can leave {until}: {'; '.join(worst.unbounded)}."
        )
    later = any(flow.pulled and flow.amount != 0 for flow in worst.outflows)
    then = "; what others may pull by an allowance can leave later" if later else ""
    if worst.lives > 1:
        then += f"; that is {worst.lives} times every limit, for an unused enable signature starts them anew"
    if worst.not_counted:
        then += f"; not in this number: {'; '.join(worst.not_counted)}"
    return f"If this key leaks, at most {most} can leave {until}, gas and paymasters' fees included{then}."


def session_words(session: Session, tokens: Tokens) -> Iterator[str]:
    """Say policy by policy what the session allows."""
    every = operation_guards(session)
    yield from (f"every operation: {line}" for line in _guard_words(every, tokens, None))
    for action in guarded_actions(session):
        name = FUNCTIONS.get(action.selector, f"0x{action.selector.hex()}")
        where = f"{name} of {_name(action.target, tokens)}"
        if action.selector == NATIVE_TRANSFER_SELECTOR:
            where = f"{name} to {action.target}"
        yield f"may call {where}"
        yield from (f"  {line}" for line in _guard_words(action.guards, tokens, action))


def amount_text(amount: int | None, token: Address | None, tokens: Tokens) -> str:
    """Write an amount in the unit people use; base units where the files name no such token."""
    if amount is None:
        return f"any amount of {_name(token, tokens)}"
    if token is None:
        return f"{decimal_text(amount, 18)} ether"
    known = tokens.get(token)
    if known is None:
        return f"{amount} base units of {token}"
    return f"{decimal_text(amount, known.decimals)} {known.symbol}"


def until_text(expires_at: Timestamp | None) -> str | None:
    """Write the last second of a session that ends at `expires_at`; None for one without an end."""
    return None if expires_at is None else date_text(Timestamp(expires_at - 1))


def date_text(at: Timestamp) -> str:
    """Write an instant in UTC; a number when the calendar has no such day."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {at}"


def _outflow_words(flow: Outflow, tokens: Tokens) -> str:
    most = "" if flow.amount is None else "at most "
    each = "" if flow.at_a_time is None else f" ({amount_text(flow.at_a_time, flow.token, tokens)} at a time)"
    to = "anybody" if flow.to is None else str(flow.to)
    if flow.earlier:
        each += " by what the account allowed it before the session"
    return f"{most}{amount_text(flow.amount, flow.token, tokens)} to {to}{each}"


def _call_words(call: KnownCall, tokens: Tokens) -> str:
    target, whose = call.action.target, " and ".join(map(str, call.whose)) or "the account"
    if call.does is Does.DEPOSIT:
        return f"What is paid in at {target} is the deposit of {whose}."
    taken = " and ".join(_pull_words(call, pull, tokens) for pull in call.pulls)
    return {
        Does.SWAP: f"One call of {target} sells {taken}; what it buys goes to {whose}.",
        Does.PAY_BACK: f"One call of {target} pays back {taken}, of what {whose} owes.",
        Does.PAY_BACK_LENT: f"One call of {target} pays back {taken}, out of what {whose} lent there.",
        Does.SUPPLY: f"One call of {target} takes {taken} to the credit of {whose}.",
    }[call.does]


def _pull_words(call: KnownCall, pull: Pull, tokens: Tokens) -> str:
    guards = call.action.guards
    most = number(at_a_time(guards, pull.amount_at))
    taken = ("" if most is None else "at most ") + amount_text(most, pull.token, tokens)
    if pull.shares_at is not None:
        taken += " or a number of shares"
    if pull.bought is None or pull.least_at is None:
        return taken
    floor = least(guards, pull.least_at)
    if floor <= 1:
        return f"{taken} for {amount_text(None, pull.bought, tokens)}, at whatever price a thief makes"
    return f"{taken} for at least {amount_text(floor, pull.bought, tokens)}"


def _most(worst: WorstCase, token: Address | None, amount: int | None, tokens: Tokens) -> str:
    flows = [flow for flow in worst.outflows if flow.token == token and flow.amount != 0]
    found = ["anybody" if flow.to is None else str(flow.to) for flow in flows]
    to = "anybody" if "anybody" in found else " or ".join(dict.fromkeys(found))
    where = [f"to {to}"] if to else []
    if token is None and worst.gas_wei != 0:
        where.append("in gas")
    return f"{amount_text(amount, token, tokens)} {' or '.join(where)}"


def _gas_words(worst: WorstCase) -> str:
    if worst.gas_wei is None:
        return "all of the account's coin in gas"
    return f"{decimal_text(worst.gas_wei, 18)} ether in gas"


def _name(token: Address | None, tokens: Tokens) -> str:
    if token is None:
        return "the chain's coin"
    return f"{tokens[token].symbol} ({token})" if token in tokens else str(token)


def _guard_words(guards: Guards, tokens: Tokens, action: GuardedAction | None) -> Iterator[str]:
    if guards.frame is not None:
        start, end = guards.frame.valid_after, guards.frame.valid_until
        yield f"from {date_text(start) if start else 'now'} until {date_text(end) if end else 'no end'}"
    if guards.usage is not None:
        yield f"{guards.usage.limit} times at most"
    if guards.gas is not None:
        cost = decimal_text(guards.gas.cost_limit_wei, 18)
        yield f"{guards.gas.gas_limit} gas at most in all, and {cost} ether for it"
    if guards.value is not None:
        yield f"{decimal_text(guards.value.limit_wei, 18)} ether at most in all"
    for item in guards.spending.limits if guards.spending else ():
        yield f"{amount_text(item.limit, item.token, tokens)} at most in all"
    if guards.rules is not None:
        yield f"{decimal_text(guards.rules.value_limit_per_use_wei, 18)} ether at most with each call"
        yield from (_rule_words(rule, tokens, action) for rule in guards.rules.rules)
    yield from (f"a policy this agent does not know: {stranger}" for stranger in guards.strangers)


def _rule_words(rule: Rule, tokens: Tokens, action: GuardedAction | None) -> str:
    number = int.from_bytes(rule.reference, "big")
    word = f"argument {rule.offset // 32 + 1}" if rule.offset % 32 == 0 else f"the word at {rule.offset}"
    reference = f"{number:#x}"
    transfer = action is not None and action.selector == TRANSFER
    if transfer and rule.offset == 0 and number < 1 << 160:
        word, reference = "the recipient", str(Address(rule.reference[12:]))
    elif transfer and rule.offset == 32 and action is not None:
        word, reference = "the amount", amount_text(number, action.target, tokens)
    limit = "" if rule.limit is None else f", {rule.limit} at most in all"
    return f"{word} {_SIGNS[rule.condition]} {reference}{limit}"
