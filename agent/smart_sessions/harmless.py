"""Find calls that a session may permit and that move nothing: what cancels an operation. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from agent.domain.call import Call
from agent.domain.session import Session
from agent.domain.units import Address, Wei
from agent.smart_sessions.addresses import NATIVE_TRANSFER_SELECTOR
from agent.smart_sessions.guards import GuardedAction, guarded_actions
from agent.smart_sessions.ids import called_selector
from agent.smart_sessions.policies.erc20_spending_limit import APPROVE, TRANSFER

_NOTHING = bytes(32)
_NO_WEI = Wei(0)
_ARGUMENTS_END = 4 + 64


def harmless_calls(session: Session, account: Address, made: Sequence[Call] = ()) -> tuple[Call, ...]:
    """Return calls that move nothing and that the session names, those that change least first.

    A transfer of zero, an empty call with no value, or, because an allowance may be somebody's, at last an
    approval of zero. `made` are the calls to be cancelled: their recipients are tried too. Whether the
    policies let a call through is for the preflight to say: only "at most" rules do.
    """
    found = [
        *_zeroed(made, TRANSFER),
        *_to_pinned(session, account, TRANSFER),
        *_empty(session),
        *_zeroed(made, APPROVE),
        *_to_pinned(session, account, APPROVE),
    ]
    return tuple(dict.fromkeys(found))


def moves_nothing(calls: Iterable[Call]) -> bool:
    """Say whether calls like these are what `harmless_calls` makes."""
    return all(call.value_wei == 0 and _is_harmless(call.data) for call in calls)


def _is_harmless(data: bytes) -> bool:
    selector = called_selector(data)
    if selector in (TRANSFER, APPROVE):
        return len(data) == _ARGUMENTS_END and data[36:] == _NOTHING
    return not data


def _zeroed(made: Sequence[Call], selector: bytes) -> Iterator[Call]:
    for call in made:
        if call.data[:4] == selector and len(call.data) >= _ARGUMENTS_END:
            yield Call(call.target, _NO_WEI, call.data[:36] + _NOTHING)


def _to_pinned(session: Session, account: Address, selector: bytes) -> Iterator[Call]:
    for action in _actions(session, selector):
        recipient = action.pinned_recipient or account
        yield Call(action.target, _NO_WEI, selector + bytes(12) + recipient + _NOTHING)


def _empty(session: Session) -> Iterator[Call]:
    for action in _actions(session, NATIVE_TRANSFER_SELECTOR):
        yield Call(action.target, _NO_WEI, b"")


def _actions(session: Session, selector: bytes) -> Iterator[GuardedAction]:
    return (action for action in guarded_actions(session) if action.selector == selector)
