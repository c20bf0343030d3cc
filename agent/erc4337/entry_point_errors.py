"""Turn a revert of the EntryPoint, or a bundler's message about one, into a code and its inner error."""

import re
from dataclasses import dataclass

from agent.erc4337.inner_errors import InnerError, inner_error

_MESSAGE = re.compile(r"\b(AA\d\d)\b:?\s*([^\n]*)")
_HEX = re.compile(r"\b0x((?:[0-9a-fA-F]{2})*)\b")


@dataclass(frozen=True, slots=True)
class EntryPointError:
    """An AA code, the words that came with it, and the revert data inside."""

    code: str
    text: str
    inner: InnerError | None = None
    op_index: int | None = None

    def __str__(self) -> str:
        return f"{self.code} {self.text}" + (f": {self.inner}" if self.inner else "")


def error_from_revert(data: bytes) -> EntryPointError | None:
    """Decode FailedOp or FailedOpWithRevert; None for any other revert data."""
    error = inner_error(data)
    if error.name not in ("FailedOp", "FailedOpWithRevert") or not error.args:
        return None
    op_index, reason, *inner = error.args
    code, _, text = reason.partition(" ")
    return EntryPointError(code, text, inner_error(inner[0]) if inner else None, op_index)


def error_from_message(message: str) -> EntryPointError | None:
    """Read what a bundler says, such as "AA23 reverted 0x3b57…"; None when no AA code is in it."""
    found = _MESSAGE.search(message)
    if found is None:
        return None
    code, rest = found.groups()
    revert_data = _HEX.search(rest)
    text = rest[: revert_data.start()] if revert_data else rest
    inner = inner_error(bytes.fromhex(revert_data[1])) if revert_data else None
    return EntryPointError(code, text.strip(), inner)
