"""Approvals sized to one payment, as every market that pulls tokens needs them."""

from agent.domain.call import Call
from agent.domain.possible_call import PossibleCall, WordRange
from agent.domain.requirement import ActionRequirement, ArgumentRule, Comparison
from agent.domain.units import Address
from jobs.loans.packing import WORD, call, number_of, selector

APPROVE = selector("approve(address,uint256)")


def approvals(token: Address, spender: Address, amount: int, allowed: int) -> tuple[Call, ...]:
    """Return the calls after which `spender` may take `amount`; none where it may already.

    What is left of an older approval is taken back first: some tokens refuse to change one.
    """
    if allowed >= amount:
        return ()
    clear = (call(token, APPROVE, spender, 0),) if allowed else ()
    return (*clear, call(token, APPROVE, spender, amount))


def approval_requirement(token: Address, spender: Address, most: int, uses: int) -> ActionRequirement:
    """Return that a session must let `spender` be approved, at most so much at a time."""
    rules = (
        ArgumentRule("spender", 0, Comparison.EQUAL, number_of(spender)),
        ArgumentRule("amount", WORD, Comparison.AT_MOST, most),
    )
    return ActionRequirement(token, APPROVE, uses, rules, token=token, token_total=most * uses)


def possible_approvals(token: Address, spender: Address, most: int) -> tuple[PossibleCall, ...]:
    """Return every form of `approvals`."""
    return (
        PossibleCall(call(token, APPROVE, spender, 0), optional=True),
        PossibleCall(
            call(token, APPROVE, spender, most), (WordRange("amount", WORD, 1, most),), optional=True
        ),
    )
