"""Rules about time, gas and paymasters."""

from collections.abc import Iterator

from agent.smart_sessions.guards import last_second
from agent.smart_sessions.lint.finding import Finding, refuse, warn
from agent.smart_sessions.lint.selectors import ALLOWANCES
from agent.smart_sessions.lint.subject import Subject
from agent.smart_sessions.policies import sudo

DAY_S = 86_400
LONG_S = 90 * DAY_S
TOO_LONG_S = 400 * DAY_S
GAS_SHARE = 2
"""A session may spend one part in so many of the account's coin on gas before the owner is told."""
GAS_TIMES_NEED = 10


def end(subject: Subject) -> Iterator[Finding]:
    """L06: no end, or one that is far away."""
    until = last_second(subject.every, subject.actions)
    if until is None:
        yield refuse(
            "L06",
            "the session never ends",
            "add a TimeFrame policy on operations that ends with the last payment",
        )
    elif subject.now is not None and until - subject.now > LONG_S:
        left_s = until - subject.now
        most, say = (400, refuse) if left_s > TOO_LONG_S else (90, warn)
        sentence = f"the key stays good for {left_s // DAY_S} days, more than {most}"
        yield say("L06", sentence, "grant fewer periods at a time: sessions new --periods")


def gas(subject: Subject) -> Iterator[Finding]:
    """L07: nothing bounds what is burned as gas."""
    if subject.every.gas is None:
        yield refuse(
            "L07",
            "the key may burn all of the account's coin as gas",
            "add a SimpleGas policy on operations with a cost limit",
        )


def gas_share(subject: Subject) -> Iterator[Finding]:
    """L08: a gas limit that is large beside the account's coin or the jobs' need."""
    if subject.every.gas is None:
        return
    limit_wei = subject.every.gas.cost_limit_wei
    sentence = f"{subject.amount(limit_wei, None)} may go for gas"
    funds_wei = subject.on_chain.funds_wei if subject.on_chain else None
    if funds_wei is not None and limit_wei * GAS_SHARE > funds_wei:
        text = f"{sentence}, the account has {subject.amount(funds_wei, None)}"
        yield warn("L08", text, "keep more coin elsewhere, or lower the cost limit")
    needed_wei = subject.purpose.cost_wei if subject.purpose else None
    if needed_wei is not None and limit_wei > GAS_TIMES_NEED * needed_wei:
        text = f"{sentence}, the jobs need {subject.amount(needed_wei, None)}"
        yield warn("L08", text, "lower the cost limit of the SimpleGas policy")


def any_paymaster(subject: Subject) -> Iterator[Finding]:
    """L09: any paymaster, and nothing else that limits operations."""
    listed = {item.policy for item in subject.session.user_op_policies}
    if subject.session.permit_erc4337_paymaster and listed <= {sudo.ADDRESS}:
        yield refuse(
            "L09",
            "any paymaster may pay, as often as it likes",
            "take the permission out, or add a policy on operations that pins the paymaster",
        )


def idle_paymaster(subject: Subject) -> Iterator[Finding]:
    """L10: a permission that no job uses."""
    purpose = subject.purpose
    if subject.session.permit_erc4337_paymaster and purpose is not None and not purpose.needs_paymaster:
        yield warn("L10", "a paymaster may pay and no job uses one", "set permitERC4337Paymaster to false")


def paymaster_fees(subject: Subject) -> Iterator[Finding]:
    """L36: a paymaster that can take tokens as its fee, which no policy counts."""
    if not subject.session.permit_erc4337_paymaster or subject.is_paymaster_pinned:
        return
    remedy = "take the permission out, or pin the paymaster by a policy on operations"
    allowances = subject.on_chain.allowances if subject.on_chain else None
    if allowances is None:
        yield warn("L36", "a paymaster may take any allowance of the account as its fee", remedy)
    for item in allowances or ():
        if item.amount:
            may = f"{item.spender} may take {subject.amount(item.amount, item.token)}"
            yield refuse("L36", f"{may} as a paymaster's fee, which no policy counts", remedy)
    for action in subject.actions:
        if action.selector in ALLOWANCES:
            sentence = f"by {subject.called(action)} the key can pay a paymaster's fee that no policy counts"
            yield refuse("L36", sentence, remedy)
