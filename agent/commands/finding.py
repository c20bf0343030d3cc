"""What an examination finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding counts."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    level: Level
    name: str
    """What was looked at, such as `chain 8453 rpc`."""
    message: str
    remedy: str = ""


def ok(name: str, message: str) -> Finding:
    """Say that all is well."""
    return Finding(Level.OK, name, message)


def warn(name: str, message: str, remedy: str) -> Finding:
    """Say that it works and somebody should look."""
    return Finding(Level.WARN, name, message, remedy)


def fail(name: str, message: str, remedy: str) -> Finding:
    """Say that it does not work."""
    return Finding(Level.FAIL, name, message, remedy)
