"""Say what a bundler's answer means: one stable code, one action, a reason and a remedy. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.erc4337.answer_table import (
    CALLS,
    FLAVOURS,
    LOOKED,
    RPC_CODES,
    SAID,
    SILENT,
    SURE_AFTER_ALL,
    UNKNOWN,
    UNSURE,
    Flavour,
    Phase,
    Said,
)
from agent.erc4337.bundler_actions import Action, Hold, Raise, RetryAfter
from agent.erc4337.bundler_fees import fees_told
from agent.erc4337.entry_point_errors import EntryPointError, error_from_message
from agent.erc4337.error_table import AA_CODES, EMPTY_REVERT, INNER_ERRORS, UNKNOWN_INNER, Row
from agent.erc4337.inner_errors import ERROR_SIGNATURES, InnerError, inner_error

LONGEST_WAIT_S = 3600
_REVERT_DATA = re.compile(r"\b0x(?:[0-9a-fA-F]{2})*\b")
_NOT_BEFORE = re.compile(r"validAfter=(\d{1,15}), now=(\d{1,15})")
_UNKNOWN_CODES = {
    Phase.ESTIMATE: "estimate_rejected",
    Phase.SEND: "bundler_rejected",
    Phase.LOOKUP: "unknown",
}


@dataclass(frozen=True, slots=True)
class BundlerAnswer:
    """Any answer but the one asked for."""

    rpc_code: int | None
    """None when nothing usable came back."""
    message: str
    data: object = None
    """The `data` of the JSON-RPC error."""
    bundler: str = ""
    """Host or name of the bundler, for what only its flavour means."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to do about an answer, and what to tell."""

    action: Action
    code: str
    """Stable; journaled and shown."""
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


def meaning_of(answer: BundlerAnswer, phase: Phase) -> Meaning:
    """Return the one meaning of an answer. Whatever it says, the operation's nonce stays."""
    said = _said(answer, phase)
    if said is not None:
        return _of_words(said, answer)
    if phase is Phase.LOOKUP:
        return _told(LOOKED, _UNKNOWN_CODES[phase], answer)
    if not _is_sure(answer):
        return Meaning(SILENT.action, "unknown", _words(answer), SILENT.remedy)
    error = _entry_point_error(answer)
    if error is not None:
        return meaning_of_refusal(error)
    return _of_code(answer, phase)


def meaning_of_refusal(error: EntryPointError) -> Meaning:
    """Return what the EntryPoint's or the module's refusal means; an inner error that is known decides."""
    if error.code not in AA_CODES:
        return Meaning(UNKNOWN.action, error.code.lower(), str(error), UNKNOWN.remedy)
    known = AA_CODES[error.code]
    if error.inner is None:
        return _refused(known, known.code or error.code.lower(), error)
    if not error.inner.data:
        bare = EMPTY_REVERT if error.code == "AA23" else known
        return _refused(bare, bare.code or error.code.lower(), error)
    inner = _innermost(error.inner)
    if inner.name is None:
        # A contract of the paymaster's is its own affair; the account's unknown error is a person's.
        row = UNKNOWN_INNER if error.code == "AA23" else known
        return _refused(row, error.code.lower(), error)
    row = _row_of(inner) if error.code == "AA23" else known
    return _refused(row, f"{error.code}_{inner.name}".lower(), error)


def flavour_of(bundler: str) -> Flavour | None:
    """Return the flavour that a host or name tells; None when it tells none."""
    name = bundler.lower()
    return next((flavour for part, flavour in FLAVOURS.items() if part in name), None)


def _said(answer: BundlerAnswer, phase: Phase) -> Said | None:
    flavour, sure = flavour_of(answer.bundler), _is_sure(answer)
    return next(
        (row for row in SAID if phase in row.phases and _matches(row, answer, flavour, sure=sure)), None
    )


def _matches(row: Said, answer: BundlerAnswer, flavour: Flavour | None, *, sure: bool) -> bool:
    if row.flavour is not None and flavour not in (row.flavour, None):
        return False
    if answer.rpc_code not in row.rpc_codes if row.rpc_codes else not sure:
        return False
    return re.search(row.pattern, answer.message, re.IGNORECASE | re.DOTALL) is not None


def _is_sure(answer: BundlerAnswer) -> bool:
    """Say whether the answer is a refusal, and not merely none that can be read."""
    if answer.rpc_code not in UNSURE:
        return True
    flavour = flavour_of(answer.bundler)
    return answer.rpc_code is not None and any(
        answer.message.startswith(words)
        for whose, words in SURE_AFTER_ALL.items()
        if flavour in (whose, None)
    )


def _of_words(said: Said, answer: BundlerAnswer) -> Meaning:
    action = said.action
    if isinstance(action, Raise):
        action = Raise(*fees_told(answer.message, answer.data))
    elif isinstance(action, RetryAfter):
        action = RetryAfter(_seconds(answer.message, action.seconds))
    return _told(replace(said, action=action), said.code, answer)


def _seconds(message: str, default: int) -> int:
    named = _NOT_BEFORE.search(message)
    if named is None:
        return default
    return min(max(int(named[1]) - int(named[2]) + 1, 1), LONGEST_WAIT_S)


def _of_code(answer: BundlerAnswer, phase: Phase) -> Meaning:
    known = RPC_CODES.get(answer.rpc_code)
    if known is None:
        return _told(UNKNOWN, _UNKNOWN_CODES[phase], answer)
    reverted = _reverted(answer)
    if reverted is None or reverted.name is None:
        return _told(known, known.code, answer)
    row = _row_of(reverted)
    # What reverts is what the calls do now; made anew they may pass, unless the revert says that none will.
    action = known.action if known.action == CALLS and isinstance(row.action, Hold) else row.action
    return Meaning(action, f"{known.code}_{reverted.name}".lower(), f"{row.cause}: {reverted}", row.remedy)


def _entry_point_error(answer: BundlerAnswer) -> EntryPointError | None:
    error = error_from_message(answer.message)
    if error is None or error.inner is not None:
        return error
    # rundler keeps the revert data apart from the message.
    told = _hex_in(answer.data)
    return error if told is None else replace(error, inner=inner_error(told))


def _reverted(answer: BundlerAnswer) -> InnerError | None:
    told = _hex_in(answer.data)
    if told is None:
        found = _REVERT_DATA.search(answer.message)
        told = bytes.fromhex(found[0][2:]) if found else None
    return None if told is None else _innermost(inner_error(told))


def _hex_in(data: object) -> bytes | None:
    if isinstance(data, Mapping):
        found = (_hex_in(data.get(name)) for name in ("data", "revertData", "revert_data"))
        return next((item for item in found if item is not None), None)
    if isinstance(data, str) and _REVERT_DATA.fullmatch(data):
        return bytes.fromhex(data[2:])
    return None


def _innermost(error: InnerError) -> InnerError:
    """Return what a policy reverted with, of which PolicyCheckReverted carries the first 32 bytes."""
    if error.name == "PolicyCheckReverted" and error.args:
        nested = inner_error(error.args[0])
        return error if nested.name is None else nested
    return error


def _row_of(error: InnerError) -> Row:
    signature = ERROR_SIGNATURES.get(error.selector)
    return UNKNOWN_INNER if signature is None else INNER_ERRORS[signature]


def _refused(row: Row, code: str, error: EntryPointError) -> Meaning:
    return Meaning(row.action, code, f"{row.cause}: {error}", row.remedy)


def _told(row: Row, code: str, answer: BundlerAnswer) -> Meaning:
    return Meaning(row.action, code, f"{row.cause}: {_words(answer)}", row.remedy)


def _words(answer: BundlerAnswer) -> str:
    return answer.message if answer.rpc_code is None else f"{answer.rpc_code}: {answer.message}"
