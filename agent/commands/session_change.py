"""An edit of a session in the owner's words: what gets wider, what narrower."""

from dataclasses import dataclass, replace
from typing import assert_never

from agent.commands.session_words import FUNCTIONS, Tokens, session_words
from agent.domain.session import ActionData, PolicyData, Session
from agent.smart_sessions.change import ActionChange, Change, Direction, PolicyChange, RightChange, changes

_RIGHTS = {"paymaster": "a paymaster may pay", "signing": "off-chain signatures (ERC-1271)"}


@dataclass(frozen=True, slots=True)
class ChangeWords:
    """One line each."""

    wider: tuple[str, ...]
    narrower: tuple[str, ...]


def change_words(before: Session, after: Session, tokens: Tokens) -> ChangeWords:
    """Say what the key may do under the new session and not under the old, and the other way round."""
    found = changes(before, after)
    words = {item: _words(item, after, tokens) for item in found}
    return ChangeWords(
        tuple(words[item] for item in found if item.direction is Direction.WIDER),
        tuple(words[item] for item in found if item.direction is Direction.NARROWER),
    )


def _words(change: Change, session: Session, tokens: Tokens) -> str:
    match change:
        case PolicyChange():
            return f"{_where(change, tokens)}: {_text(change, change.before, session, tokens)} -> " + _text(
                change, change.after, session, tokens
            )
        case ActionChange(target, selector, _):
            name = FUNCTIONS.get(selector, f"0x{selector.hex()}")
            of = f"{tokens[target].symbol} ({target})" if target in tokens else str(target)
            is_new = change.direction is Direction.WIDER
            return f"{'may call' if is_new else 'may no longer call'} {name} of {of}"
        case RightChange(right, direction):
            return f"{_RIGHTS[right]}: {'more' if direction is Direction.WIDER else 'less'} than before"
        case _:
            assert_never(change)


def _where(change: PolicyChange, tokens: Tokens) -> str:
    if change.action is None:
        return "every operation"
    target, selector = change.action
    name = FUNCTIONS.get(selector, f"0x{selector.hex()}")
    return f"{name} of {tokens[target].symbol if target in tokens else target}"


def _text(change: PolicyChange, init_data: bytes | None, session: Session, tokens: Tokens) -> str:
    if init_data is None:
        return "no limit"
    only = (PolicyData(change.policy, init_data),)
    if change.action is None:
        alone = replace(session, user_op_policies=only, actions=())
        return ", ".join(line.removeprefix("every operation: ") for line in session_words(alone, tokens))
    target, selector = change.action
    alone = replace(session, user_op_policies=(), actions=(ActionData(selector, target, only),))
    return ", ".join(line.strip() for line in list(session_words(alone, tokens))[1:])
