"""Errors inside an operation's revert data: of the EntryPoint, the account, the validator, a policy."""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from agent.domain.keccak import keccak256
from agent.erc4337.error_table import INNER_ERRORS

ERROR_SIGNATURES = {keccak256(signature.encode())[:4]: signature for signature in INNER_ERRORS}
"""Selector to signature of every error the agent can name."""


@dataclass(frozen=True, slots=True)
class InnerError:
    """Decoded revert data; `name` is None for an unknown selector, `args` empty when they do not decode."""

    data: bytes
    name: str | None = None
    args: tuple[Any, ...] = ()

    @property
    def selector(self) -> bytes:
        """First four bytes; empty for a revert without data."""
        return self.data[:4]

    def __str__(self) -> str:
        if not self.data:
            return "no revert data"
        if self.name is None:
            return "0x" + self.data.hex()
        return f"{self.name}({', '.join(map(_readable, self.args))})"


def inner_error(data: bytes) -> InnerError:
    """Decode revert data as far as it is known. Never raises."""
    signature = ERROR_SIGNATURES.get(data[:4])
    if signature is None:
        return InnerError(data)
    name, _, types = signature.rstrip(")").partition("(")
    try:
        return InnerError(data, name, decode(types.split(",") if types else [], data[4:]))
    except (DecodingError, UnicodeDecodeError):
        return InnerError(data, name)


def _readable(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
